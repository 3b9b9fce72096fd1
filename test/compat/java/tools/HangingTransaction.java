package tools;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.RequestHeader;

/** A record in a transaction that the coordinator does not know of, as a defect of a client or a broker would leave it. */
final class HangingTransaction {
    private static final short VERSION = 9;

    private HangingTransaction() {}

    static void write(String bootstrap, String transactionalId, TopicPartition partition, long producerId, short producerEpoch) throws Exception {
        MemoryRecords records = MemoryRecords.withTransactionalRecords(Compression.NONE, producerId, producerEpoch, 0, new SimpleRecord("k".getBytes(), "hangs".getBytes()));
        ProduceRequestData data = new ProduceRequestData().setTransactionalId(transactionalId).setAcks((short) -1).setTimeoutMs(10_000);
        data.setTopicData(new ProduceRequestData.TopicProduceDataCollection(List.of(new ProduceRequestData.TopicProduceData().setName(partition.topic())
                .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData().setIndex(partition.partition()).setRecords(records)))).iterator()));
        ProduceRequest request = new ProduceRequest(data, VERSION);
        ByteBuffer bytes = request.serializeWithHeader(new RequestHeader(ApiKeys.PRODUCE, VERSION, "judge", 1));
        String[] address = bootstrap.split(":");
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeInt(bytes.remaining());
            out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readInt()];
            in.readFully(answer);
            // After the correlation id and the tagged fields of the header.
            ByteBuffer body = ByteBuffer.wrap(answer, 5, answer.length - 5).slice();
            var response = ProduceResponse.parse(new org.apache.kafka.common.protocol.ByteBufferAccessor(body), VERSION);
            Errors error = Errors.forCode(response.data().responses().iterator().next().partitionResponses().get(0).errorCode());
            if (error != Errors.NONE) throw error.exception();
        }
    }
}
