// kafka-go judges a broker: writer, readers with and without a group, the low-level client.
package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"judges/judge"
)

var background = context.Background()

func client() *kafka.Client { return &kafka.Client{Addr: kafka.TCP(judge.Bootstrap()), Timeout: 20 * time.Second} }

func topic(stem string, partitions int) string {
	name := judge.Fresh(stem)
	answer, err := client().CreateTopics(background, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}}})
	judge.Must(err, "create")
	judge.Must(answer.Errors[name], "create")
	return name
}

func write(name string, codec kafka.Compression, acks kafka.RequiredAcks, values []string) {
	w := &kafka.Writer{Addr: kafka.TCP(judge.Bootstrap()), Topic: name, Compression: codec, RequiredAcks: acks, BatchTimeout: 5 * time.Millisecond, Balancer: &kafka.RoundRobin{}}
	defer w.Close()
	var messages []kafka.Message
	for _, value := range values {
		messages = append(messages, kafka.Message{Key: []byte("key"), Value: []byte(value), Headers: []kafka.Header{{Key: "origin", Value: []byte("kafka-go")}}})
	}
	judge.Must(w.WriteMessages(background, messages...), "write")
}

func reader(name, group string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{judge.Bootstrap()}, Topic: name, GroupID: group, MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset,
		HeartbeatInterval: 300 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 6 * time.Second, WatchPartitionChanges: true, JoinGroupBackoff: 300 * time.Millisecond})
}

func main() {
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		judge.Case("kafka-go: writes and reads, compression "+codec.String(), func() {
			name := topic("codec", 1)
			values := judge.Values("value", 300)
			write(name, codec, kafka.RequireAll, values)
			r := reader(name, "")
			defer r.Close()
			limit, cancel := context.WithTimeout(background, 30*time.Second)
			defer cancel()
			for i, value := range values {
				m, err := r.ReadMessage(limit)
				judge.Must(err, "read")
				judge.Equal(string(m.Value), value, "value")
				judge.Equal(m.Offset, i, "offset")
				judge.Equal(string(m.Headers[0].Value), "kafka-go", "header")
			}
			judge.Must(r.SetOffset(250), "seek")
			m, err := r.ReadMessage(limit)
			judge.Must(err, "read")
			judge.Equal(m.Offset, 250, "after seek")
		})
	}
	judge.Case("kafka-go: a group shares its partitions and keeps its offsets", group)
	judge.Case("kafka-go: a batch of the low-level connection", func() {
		name := topic("conn", 1)
		conn, err := kafka.DialLeader(background, "tcp", judge.Bootstrap(), name, 0)
		judge.Must(err, "dial")
		defer conn.Close()
		for i := range 10 {
			_, err := conn.WriteMessages(kafka.Message{Value: []byte(strconv.Itoa(i))})
			judge.Must(err, "write")
		}
		first, last, err := conn.ReadOffsets()
		judge.Must(err, "offsets")
		judge.Equal([]int64{first, last}, []int64{0, 10}, "offsets")
		_, err = conn.Seek(4, kafka.SeekAbsolute)
		judge.Must(err, "seek")
		judge.Must(conn.SetReadDeadline(time.Now().Add(20*time.Second)), "deadline")
		m, err := conn.ReadMessage(1000)
		judge.Must(err, "read")
		judge.Equal(string(m.Value), "4", "value")
	})
	judge.Case("kafka-go: transactions by hand", transaction)
	judge.Case("kafka-go admin: topics, configs, offsets, groups", administration)
	judge.Main()
}

func group() {
	name, id := topic("group", 4), judge.Fresh("group")
	var mu sync.Mutex
	seen := map[string]int{}
	limit, cancel := context.WithTimeout(background, 60*time.Second)
	defer cancel()
	var readers []*kafka.Reader
	for range 2 {
		r := reader(name, id)
		readers = append(readers, r)
		go func() {
			for {
				m, err := r.ReadMessage(limit)
				if err != nil {
					return
				}
				mu.Lock()
				seen[string(m.Value)]++
				mu.Unlock()
			}
		}()
	}
	time.Sleep(1500 * time.Millisecond)
	write(name, 0, kafka.RequireAll, judge.Values("v", 200))
	judge.Until("all records", 40*time.Second, func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == 200 })
	for _, r := range readers {
		judge.Must(r.Close(), "close")
	}
	answer, err := client().OffsetFetch(background, &kafka.OffsetFetchRequest{GroupID: id, Topics: map[string][]int{name: {0, 1, 2, 3}}})
	judge.Must(err, "offsets")
	sum := int64(0)
	for _, one := range answer.Topics[name] {
		sum += one.CommittedOffset
	}
	judge.Equal(sum, 200, "committed offsets")
}

func transaction() {
	name, id := topic("txn", 1), judge.Fresh("id")
	c := client()
	found, err := c.FindCoordinator(background, &kafka.FindCoordinatorRequest{Key: id, KeyType: kafka.CoordinatorKeyTypeTransaction})
	judge.Must(err, "coordinator")
	judge.Must(found.Error, "coordinator")
	pid, err := c.InitProducerID(background, &kafka.InitProducerIDRequest{TransactionalID: id, TransactionTimeoutMs: 30_000})
	judge.Must(err, "init")
	judge.Must(pid.Error, "init")
	added, err := c.AddPartitionsToTxn(background, &kafka.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: pid.Producer.ProducerID, ProducerEpoch: pid.Producer.ProducerEpoch,
		Topics: map[string][]kafka.AddPartitionToTxn{name: {{Partition: 0}}}})
	judge.Must(err, "add")
	judge.Must(added.Topics[name][0].Error, "add")
	ended, err := c.EndTxn(background, &kafka.EndTxnRequest{TransactionalID: id, ProducerID: pid.Producer.ProducerID, ProducerEpoch: pid.Producer.ProducerEpoch, Committed: true})
	judge.Must(err, "end")
	judge.Must(ended.Error, "end")
}

func administration() {
	c := client()
	name := topic("admin", 2)
	metadata, err := c.Metadata(background, &kafka.MetadataRequest{Topics: []string{name}})
	judge.Must(err, "metadata")
	judge.Equal(len(metadata.Topics[0].Partitions), 2, "partitions")
	grown, err := c.CreatePartitions(background, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: name, Count: 3}}})
	judge.Must(err, "grow")
	judge.Must(grown.Errors[name], "grow")
	again, err := c.CreateTopics(background, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: 1, ReplicationFactor: 1}}})
	judge.Must(err, "again")
	judge.Equal(errors.Is(again.Errors[name], kafka.TopicAlreadyExists), true, "again")
	altered, err := c.IncrementalAlterConfigs(background, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: name,
		Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "777", ConfigOperation: kafka.ConfigOperationSet}}}}})
	judge.Must(err, "alter")
	judge.Must(altered.Resources[0].Error, "alter")
	judge.Until("altered", 10*time.Second, func() bool {
		described, err := c.DescribeConfigs(background, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: name, ConfigNames: []string{"retention.ms"}}}})
		judge.Must(err, "configs")
		return described.Resources[0].ConfigEntries[0].ConfigValue == "777"
	})
	write(name, 0, kafka.RequireOne, judge.Values("v", 30))
	offsets, err := c.ListOffsets(background, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{name: {kafka.LastOffsetOf(0)}}})
	judge.Must(err, "offsets")
	judge.Equal(offsets.Topics[name][0].LastOffset, 10, "last offset")
	id := judge.Fresh("group")
	r := reader(name, id)
	limit, cancel := context.WithTimeout(background, 40*time.Second)
	defer cancel()
	_, err = r.ReadMessage(limit)
	judge.Must(err, "read")
	groups, err := c.DescribeGroups(background, &kafka.DescribeGroupsRequest{GroupIDs: []string{id}})
	judge.Must(err, "groups")
	judge.Equal(groups.Groups[0].GroupState, "Stable", "state")
	judge.Must(r.Close(), "close")
	removed, err := c.DeleteGroups(background, &kafka.DeleteGroupsRequest{GroupIDs: []string{id}})
	judge.Must(err, "delete group")
	judge.Must(removed.Errors[id], "delete group")
	gone, err := c.DeleteTopics(background, &kafka.DeleteTopicsRequest{Topics: []string{name}})
	judge.Must(err, "delete")
	judge.Must(gone.Errors[name], "delete")
}
