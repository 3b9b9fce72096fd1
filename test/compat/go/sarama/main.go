// Sarama judges a broker: producers, transactions, consumer groups, admin.
package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"judges/judge"
)

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	c.Metadata.RefreshFrequency = time.Second
	return c
}

func brokers() []string { return []string{judge.Bootstrap()} }

func admin() sarama.ClusterAdmin {
	a, err := sarama.NewClusterAdmin(brokers(), config())
	judge.Must(err, "admin")
	return a
}

func topic(stem string, partitions int32, configs map[string]*string) string {
	name := judge.Fresh(stem)
	a := admin()
	defer a.Close()
	judge.Must(a.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}, false), "create")
	return name
}

func send(c *sarama.Config, name string, partition int32, values []string) {
	c.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer(brokers(), c)
	judge.Must(err, "producer")
	defer p.Close()
	var messages []*sarama.ProducerMessage
	for _, value := range values {
		messages = append(messages, &sarama.ProducerMessage{Topic: name, Partition: partition, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(value),
			Headers: []sarama.RecordHeader{{Key: []byte("origin"), Value: []byte("sarama")}}})
	}
	judge.Must(p.SendMessages(messages), "send")
}

// read takes all that a partition holds now, for this isolation level.
func read(name string, partition int32, isolation sarama.IsolationLevel) []string {
	c := config()
	c.Consumer.IsolationLevel = isolation
	client, err := sarama.NewClient(brokers(), c)
	judge.Must(err, "client")
	defer client.Close()
	end, err := client.GetOffset(name, partition, sarama.OffsetNewest)
	judge.Must(err, "end")
	consumer, err := sarama.NewConsumerFromClient(client)
	judge.Must(err, "consumer")
	defer consumer.Close()
	reader, err := consumer.ConsumePartition(name, partition, sarama.OffsetOldest)
	judge.Must(err, "partition")
	defer reader.AsyncClose()
	var values []string
	for {
		select {
		case m := <-reader.Messages():
			values = append(values, string(m.Value))
			if m.Offset >= end-1 {
				return values
			}
		case <-time.After(1500 * time.Millisecond):
			return values // The last offsets are markers, aborted, or of an open transaction.
		}
	}
}

type handler struct {
	mu       sync.Mutex
	assigned int
	values   []string
}

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.assigned = 0
	for _, partitions := range s.Claims() {
		h.assigned += len(partitions)
	}
	return nil
}
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		h.mu.Lock()
		h.values = append(h.values, string(m.Value))
		h.mu.Unlock()
		s.MarkMessage(m, "note")
	}
	return nil
}
func (h *handler) size() int  { h.mu.Lock(); defer h.mu.Unlock(); return h.assigned }
func (h *handler) count() int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.values) }

// member joins a group and consumes until it is left.
func member(group, name, instance string, strategy sarama.BalanceStrategy) (*handler, func()) {
	c := config()
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	c.Consumer.Group.InstanceId = instance
	c.Consumer.Group.Session.Timeout = 6 * time.Second
	c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	g, err := sarama.NewConsumerGroup(brokers(), group, c)
	judge.Must(err, "group")
	h := &handler{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := g.Consume(ctx, []string{name}, h); errors.Is(err, sarama.ErrClosedConsumerGroup) {
				return
			}
		}
	}()
	return h, func() { cancel(); <-done; g.Close() }
}

func main() {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		judge.Case("sarama: produces and consumes, compression "+codec.String(), func() {
			name := topic("codec", 1, nil)
			c := config()
			c.Producer.Compression = codec
			values := judge.Values("value", 500)
			send(c, name, 0, values)
			judge.Equal(read(name, 0, sarama.ReadUncommitted), values, "values")
		})
	}
	judge.Case("sarama: an idempotent producer", func() {
		name := topic("idempotent", 1, nil)
		c := config()
		c.Producer.Idempotent = true
		c.Producer.RequiredAcks = sarama.WaitForAll
		c.Net.MaxOpenRequests = 1
		values := judge.Values("value", 500)
		send(c, name, 0, values)
		judge.Equal(read(name, 0, sarama.ReadUncommitted), values, "values")
	})
	judge.Case("sarama: transactions commit and abort", transactions)
	judge.Case("sarama: offsets belong to the transaction", transactionalOffsets)
	for _, version := range []sarama.KafkaVersion{sarama.V1_0_0_0, sarama.V2_4_0_0, sarama.V3_6_0_0} {
		judge.Case("sarama: speaks as a client of Kafka "+version.String(), func() {
			name := topic("version", 1, nil)
			c := config()
			c.Version = version
			values := judge.Values("value", 50)
			send(c, name, 0, values)
			judge.Equal(read(name, 0, sarama.ReadUncommitted), values, "values")
		})
	}
	for _, strategy := range []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange(), sarama.NewBalanceStrategyRoundRobin(), sarama.NewBalanceStrategySticky()} {
		judge.Case("sarama: a group shares its partitions, strategy "+strategy.Name(), func() {
			name, group := topic("group", 4, nil), judge.Fresh("group")
			a, leaveA := member(group, name, "", strategy)
			defer leaveA()
			judge.Until("all partitions", 40*time.Second, func() bool { return a.size() == 4 })
			b, leaveB := member(group, name, "", strategy)
			judge.Until("two each", 40*time.Second, func() bool { return a.size() == 2 && b.size() == 2 })
			for p := range int32(4) {
				send(config(), name, p, judge.Values("v", 25))
			}
			judge.Until("all records", 30*time.Second, func() bool { return a.count()+b.count() == 100 })
			leaveB()
			judge.Until("all partitions again", 40*time.Second, func() bool { return a.size() == 4 })
			cluster := admin()
			defer cluster.Close()
			judge.Until("offsets", 20*time.Second, func() bool {
				offsets, err := cluster.ListConsumerGroupOffsets(group, map[string][]int32{name: {0, 1, 2, 3}})
				judge.Must(err, "offsets")
				sum := int64(0)
				for _, one := range offsets.Blocks[name] {
					sum += one.Offset
				}
				return sum == 100
			})
		})
	}
	judge.Case("sarama admin: topics, configs, partitions, records, groups", administration)
	judge.Main()
}

func transactional(id string) sarama.AsyncProducer {
	c := config()
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Transaction.ID = id
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Errors = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewAsyncProducer(brokers(), c)
	judge.Must(err, "producer")
	return p
}

func in(p sarama.AsyncProducer, name string, values []string) {
	judge.Must(p.BeginTxn(), "begin")
	for _, value := range values {
		p.Input() <- &sarama.ProducerMessage{Topic: name, Value: sarama.StringEncoder(value)}
		select {
		case <-p.Successes():
		case err := <-p.Errors():
			panic(err)
		}
	}
}

func transactions() {
	name := topic("txn", 1, nil)
	p := transactional(judge.Fresh("id"))
	defer p.AsyncClose()
	in(p, name, []string{"a", "b"})
	judge.Equal(len(read(name, 0, sarama.ReadCommitted)), 0, "before the commit")
	judge.Must(p.CommitTxn(), "commit")
	in(p, name, []string{"never"})
	judge.Must(p.AbortTxn(), "abort")
	in(p, name, []string{"c"})
	judge.Must(p.CommitTxn(), "commit")
	judge.Until("the committed records", 20*time.Second, func() bool { return len(read(name, 0, sarama.ReadCommitted)) == 3 })
	judge.Equal(read(name, 0, sarama.ReadCommitted), []string{"a", "b", "c"}, "committed")
	judge.Equal(read(name, 0, sarama.ReadUncommitted), []string{"a", "b", "never", "c"}, "uncommitted")
}

func transactionalOffsets() {
	name, group := topic("offsets", 1, nil), judge.Fresh("group")
	p := transactional(judge.Fresh("id"))
	defer p.AsyncClose()
	cluster := admin()
	defer cluster.Close()
	committed := func() int64 {
		offsets, err := cluster.ListConsumerGroupOffsets(group, map[string][]int32{name: {0}})
		judge.Must(err, "offsets")
		return offsets.GetBlock(name, 0).Offset
	}
	offsets := func(at int64) map[string][]*sarama.PartitionOffsetMetadata {
		return map[string][]*sarama.PartitionOffsetMetadata{name: {{Partition: 0, Offset: at, LeaderEpoch: 0}}}
	}
	in(p, name, []string{"a"})
	judge.Must(p.AddOffsetsToTxn(offsets(5), group), "offsets")
	judge.Must(p.CommitTxn(), "commit")
	judge.Until("offset 5", 10*time.Second, func() bool { return committed() == 5 })
	in(p, name, []string{"b"})
	judge.Must(p.AddOffsetsToTxn(offsets(9), group), "offsets")
	judge.Must(p.AbortTxn(), "abort")
	judge.Equal(committed(), 5, "after the abort")
}

func administration() {
	cluster := admin()
	defer cluster.Close()
	retention := "1234567"
	name := topic("admin", 2, map[string]*string{"retention.ms": &retention})
	topics, err := cluster.ListTopics()
	judge.Must(err, "list")
	judge.Equal(topics[name].NumPartitions, 2, "partitions")
	judge.Equal(*topics[name].ConfigEntries["retention.ms"], "1234567", "config")
	judge.Equal(errors.Is(cluster.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrTopicAlreadyExists), true, "again")
	judge.Must(cluster.CreatePartitions(name, 4, nil, false), "grow")
	seven := "777"
	judge.Must(cluster.IncrementalAlterConfig(sarama.TopicResource, name, map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &seven}}, false), "alter")
	judge.Until("altered", 10*time.Second, func() bool {
		entries, err := cluster.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: name, ConfigNames: []string{"retention.ms"}})
		judge.Must(err, "describe")
		return len(entries) == 1 && entries[0].Value == "777"
	})
	send(config(), name, 0, judge.Values("v", 10))
	judge.Must(cluster.DeleteRecords(name, map[int32]int64{0: 4}), "delete records")
	brokersFound, controller, err := cluster.DescribeCluster()
	judge.Must(err, "cluster")
	judge.Equal(len(brokersFound), 1, "brokers")
	judge.Equal(brokersFound[0].ID(), controller, "controller")
	folders, err := cluster.DescribeLogDirs([]int32{controller})
	judge.Must(err, "folders")
	judge.Equal(len(folders[controller]), 1, "folders")
	group := judge.Fresh("group")
	h, leave := member(group, name, "static", sarama.NewBalanceStrategyRange())
	judge.Until("assigned", 30*time.Second, func() bool { return h.size() == 4 && h.count() == 6 })
	described, err := cluster.DescribeConsumerGroups([]string{group})
	judge.Must(err, "describe group")
	judge.Equal(described[0].State, "Stable", "state")
	judge.Equal(len(described[0].Members), 1, "members")
	time.Sleep(400 * time.Millisecond)
	leave()
	_, err = cluster.RemoveMemberFromConsumerGroup(group, []string{"static"})
	judge.Must(err, "remove member")
	judge.Must(cluster.DeleteConsumerGroupOffset(group, name, 1), "delete offset")
	judge.Must(cluster.DeleteConsumerGroup(group), "delete group")
	groups, err := cluster.ListConsumerGroups()
	judge.Must(err, "groups")
	_, there := groups[group]
	judge.Equal(there, false, "listed after it was deleted")
	judge.Must(cluster.DeleteTopic(name), "delete")
}
