import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Makes a broker write records of many kinds into its internal topics. See README.md. */
public final class Logs {
  public static void main(String[] arguments) throws Exception {
    Properties common = new Properties();
    common.put("bootstrap.servers", arguments[0]);
    try (Admin admin = Admin.create(common)) {
      admin.createTopics(List.of(new NewTopic("in", 2, (short) 1), new NewTopic("gone", 1, (short) 1))).all().get();
      ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "in");
      AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "100000"), AlterConfigOp.OpType.SET);
      admin.incrementalAlterConfigs(Map.of(topic, List.of(set))).all().get();
      admin.deleteTopics(List.of("gone")).all().get();
    }

    Properties producing = new Properties();
    producing.put("bootstrap.servers", arguments[0]);
    producing.put("transactional.id", "tx-1");
    KafkaConsumer<String, String> consumer = consumer(arguments[0], "g848", "consumer");
    consumer.subscribe(new SubscriptionPattern("i.*"));
    try (var producer = new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      for (int i = 0; i < 3; i++) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("in", "k" + i, "v"));
        consumer.poll(Duration.ofMillis(1500));
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(new TopicPartition("in", 0), new OffsetAndMetadata(i));
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (i == 1) producer.abortTransaction();
        else producer.commitTransaction();
      }
    }
    consumer.commitSync();
    consumer.close();

    KafkaConsumer<String, String> classic = consumer(arguments[0], "gclassic", "classic");
    classic.subscribe(List.of("in"));
    for (int i = 0; i < 3; i++) classic.poll(Duration.ofMillis(500));
    classic.commitSync();
    classic.close();
  }

  private static KafkaConsumer<String, String> consumer(String servers, String group, String protocol) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", servers);
    properties.put("group.id", group);
    properties.put("group.protocol", protocol);
    properties.put("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
  }
}
