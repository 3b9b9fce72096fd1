package flink;

import java.io.File;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Copy BOOTSTRAP IN OUT PREFIX CHECKPOINTS NAMING FAIL_AT [RESUME_FROM]: KafkaSource to KafkaSink exactly once, slowly, until it
 * is killed. NAMING is a TransactionNamingStrategy. With FAIL_AT the job throws once when it comes to that record.
 */
public final class Copy {
    private Copy() {}

    public static void main(String[] args) throws Exception {
        Configuration config = new Configuration();
        config.setString("execution.checkpointing.interval", "300 ms");
        config.setString("execution.checkpointing.dir", "file://" + args[4]);
        config.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        config.setString("restart-strategy.type", "fixed-delay");
        config.setString("restart-strategy.fixed-delay.attempts", "3");
        config.setString("restart-strategy.fixed-delay.delay", "100 ms");
        config.setString("rest.bind-port", "0");
        if (args.length > 7) config.setString("execution.state-recovery.path", args[7]);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(config);
        env.setParallelism(2);
        KafkaSource<String> source = KafkaSource.<String>builder().setBootstrapServers(args[0]).setTopics(args[1]).setGroupId(args[3]).setStartingOffsets(OffsetsInitializer.earliest())
                .setProperty("isolation.level", "read_committed").setValueOnlyDeserializer(new SimpleStringSchema()).build();
        KafkaSink<String> sink = KafkaSink.<String>builder().setBootstrapServers(args[0])
                .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder().setTopic(args[2]).setValueSerializationSchema(new SimpleStringSchema()).build())
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix(args[3]).setTransactionNamingStrategy(TransactionNamingStrategy.valueOf(args[5]))
                .setProperty("transaction.timeout.ms", "60000").build();
        env.fromSource(source, WatermarkStrategy.noWatermarks(), "in").map(new Slowly(args[6], new File(args[4], "failed"))).sinkTo(sink);
        env.execute();
    }

    private static final class Slowly extends RichMapFunction<String, String> {
        private final String failAt;
        private final File failed;
        private transient int count;

        Slowly(String failAt, File failed) {
            this.failAt = failAt;
            this.failed = failed;
        }

        @Override
        public void open(OpenContext context) {
            count = 0;
        }

        @Override
        public String map(String value) throws Exception {
            if (++count % 10 == 0) Thread.sleep(5);
            if (value.equals(failAt) && failed.createNewFile()) throw new IllegalStateException("as planned");
            return value;
        }
    }
}
