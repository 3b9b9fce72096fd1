import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.Utils;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/** Asks Apache Kafka's own classes what groups get: assignments, what regular expressions match, hashes of topics. See README.md. */
public final class GroupGolden {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    try (PrintStream out = new PrintStream(arguments[0] + "/assignors.jsonl")) {
      for (int seed = 0; seed < 60; seed++) assignors(seed % 4 == 0, new Random(seed * 7919L), out);
    }
    try (PrintStream out = new PrintStream(arguments[0] + "/patterns.jsonl")) {
      patterns(out);
    }
    try (PrintStream out = new PrintStream(arguments[0] + "/hashes.jsonl")) {
      hashes(out);
    }
  }

  private static final class Member {
    String instanceId;
    Set<Uuid> topics = new HashSet<>();
    Map<Uuid, Set<Integer>> target = Map.of();
  }

  /** A group whose members, subscriptions and topics change; every step begins with the targets of the one before. */
  private static void assignors(boolean range, Random random, PrintStream out) throws Exception {
    ConsumerGroupPartitionAssignor assignor = range ? new RangeAssignor() : new UniformAssignor();
    boolean homogeneous = random.nextBoolean();
    List<Uuid> ids = new ArrayList<>();
    Map<Uuid, Integer> topics = new HashMap<>();
    for (int i = 1 + random.nextInt(5); i > 0; i--) {
      Uuid id = new Uuid(random.nextLong(), random.nextLong());
      ids.add(id);
      topics.put(id, 1 + random.nextInt(random.nextInt(4) == 0 ? 40 : 8));
    }
    TreeMap<String, Member> members = new TreeMap<>();
    Set<Uuid> shared = some(ids, random);
    int next = 0;
    for (int step = 0; step < 6; step++) {
      int change = step == 0 ? 0 : random.nextInt(4);
      if (change == 0) {
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
          Member member = new Member();
          if (random.nextInt(4) == 0) member.instanceId = "instance-" + random.nextInt(1000) + "-" + next;
          member.topics = homogeneous ? shared : some(ids, random);
          members.put("member-" + random.nextInt(100000) + "-" + next++, member);
        }
      } else if (change == 1 && members.size() > 1) {
        List<String> names = new ArrayList<>(members.keySet());
        members.remove(names.get(random.nextInt(names.size())));
      } else if (change == 2) {
        Uuid grown = ids.get(random.nextInt(ids.size()));
        topics.put(grown, topics.get(grown) + 1 + random.nextInt(5));
      } else {
        shared = some(ids, random);
        for (Member member : members.values()) if (homogeneous || random.nextBoolean()) member.topics = homogeneous ? shared : some(ids, random);
      }
      Map<String, MemberSubscriptionAndAssignmentImpl> specs = new HashMap<>();
      Map<Uuid, Map<Integer, String>> inverted = new HashMap<>();
      for (var entry : members.entrySet()) {
        Member member = entry.getValue();
        specs.put(entry.getKey(), new MemberSubscriptionAndAssignmentImpl(
            Optional.empty(), Optional.ofNullable(member.instanceId), member.topics, new Assignment(member.target)));
        member.target.forEach((topic, partitions) -> partitions.forEach(partition ->
            inverted.computeIfAbsent(topic, __ -> new HashMap<>()).put(partition, entry.getKey())));
      }
      var result = assignor.assign(
          new GroupSpecImpl(Collections.unmodifiableMap(specs), homogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, inverted),
          new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topicId) {
              return topics.getOrDefault(topicId, -1);
            }

            @Override
            public Set<String> racksForPartition(Uuid topicId, int partition) {
              return Set.of();
            }
          });
      ObjectNode line = MAPPER.createObjectNode();
      line.put("assignor", assignor.name()).put("homogeneous", homogeneous);
      ObjectNode sizes = line.putObject("topics");
      for (Uuid id : ids) sizes.put(id.toString(), topics.get(id));
      ObjectNode before = line.putObject("members");
      ObjectNode after = line.putObject("result");
      for (var entry : members.entrySet()) {
        Member member = entry.getValue();
        ObjectNode node = before.putObject(entry.getKey());
        node.put("instanceId", member.instanceId);
        var names = node.putArray("topics");
        for (Uuid topic : member.topics) names.add(topic.toString());
        write(node.putObject("target"), member.target);
        var assigned = result.members().get(entry.getKey());
        Map<Uuid, Set<Integer>> target = new HashMap<>();
        // As it is read from a record: ascending lists.
        if (assigned != null) assigned.partitions().forEach((topic, partitions) -> target.put(topic, new HashSet<>(new ArrayList<>(new TreeSet<>(partitions)))));
        write(after.putObject(entry.getKey()), target);
        member.target = target;
      }
      out.println(MAPPER.writeValueAsString(line));
    }
  }

  private static void write(ObjectNode node, Map<Uuid, Set<Integer>> partitions) {
    partitions.forEach((topic, set) -> {
      var list = node.putArray(topic.toString());
      new TreeSet<>(set).forEach(list::add);
    });
  }

  private static Set<Uuid> some(List<Uuid> ids, Random random) {
    Set<Uuid> some = new HashSet<>();
    for (Uuid id : ids) if (random.nextInt(3) > 0) some.add(id);
    return some;
  }

  private static final String[] TOPICS = {
    "orders", "orders-eu", "orders-us", "orders.eu", "Orders", "ORDERS_2", "a", "b", "ab", "aab", "aaa", "abc", "-", "_", ".", "..x",
    "0", "42", "x-1", "x-22", "x-333", "kafka", "foo.bar.baz", "foo-bar", "foobar", "z9", "__consumer_offsets", "a.b.c", "aXb", "A-Z",
  };

  private static final String[] PATTERNS = {
    "", "a", ".", ".*", ".+", "a*", "a+b", "a?b", "orders.*", "orders-(eu|us)", "orders[-.]eu", "(?i)orders", "(?i:ORDERS).*", "o(?i)RDERS",
    "(?i)o(?-i)rders", "^orders$", "\\Aorders\\z", "orders$", "$a", "a^", "[a-z]+", "[^a-z]+", "[A-Z_0-9]+", "[[:alpha:]]+", "[[:^alpha:]]+", "[[:upper:]]+\\d?",
    "\\w+", "\\W", "\\d+", "\\D+", "[\\w.]+", "[\\W\\d]+", "x-\\d{2}", "x-\\d{2,}", "x-\\d{1,2}", "x-\\d{,2}", "x-{2}", "a{0}b", "a{0,}", "{", "a{", "a{1", "a{1,x}", "a{2}{2}",
    "a**", "a*+", "a+?", "a??", "a*?b", "(a*)*", "(a*)+b", "(a|b)*", "(a|ab)(c|bcd)?", "()", "(|a)", "a||b", "|", "(?:a|b)+", "(?P<name>a)b", "(?<name>a)b",
    "(?P<name>a)(?P<name>b)", "(?P<>a)", "(?P<n-m>a)", "(?P=name)", "(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", "(", ")", "a)", "(a", "(?", "(?i", "(?x)a", "(?i-)a", "(?-i)a", "(?s).*", "(?m)^a$", "(?U)a+", "(?)a", "(?:)a",
    "[", "[a", "[]", "[]a]", "[^]a]+", "[a-", "[z-a]", "[a-\\d]", "[a\\]", "[-a]+", "[a-]+", "[a-c-e]+", "[[:nope:]]", "[[:alpha:]", "[\\-.]", "[.]", "[\\.]+x?", "[\\Q.\\E]",
    "*", "+a", "?", "a|*", "(*)", "^*", "$+", "\\b\\w+\\b", "foo\\bbar", "foo\\Bbar", "foo-\\bbar", "\\", "a\\", "\\.", "\\-", "\\_", "\\q", "\\e", "\\1", "\\01", "\\101", "\\12", "\\8", "\\x61", "\\x6", "\\x{61}", "\\x{}", "\\x{110000}", "\\x{1F600}", "\\n", "\\a", "\\C", "\\Z", "\\G", "\\E", "\\Qa.b\\E.c", "\\Qa.b", "\\Q\\E", "\\Qab\\E+", "\\Q..\\E.", "a\\Qb\\E*",
    "\\pL+", "\\p{L}+", "\\p{Lu}+", "\\P{Lu}+", "\\p{^Lu}+", "\\PN+", "\\p{Greek}", "\\p{Latin}+", "\\p{Nope}", "\\p{", "\\p", "\\pX", "[\\pL\\d]+", "[\\p{Nd}]+", "[^\\pL]+", "\\p{Any}+", "\\p{Alphabetic}",
    "größe", "[ä-ü]+", "(?i)K", "a{1000}", "a{1001}", "(a{100}){10}", "(a{100}){11}", "(a{1000}){1000}", "a{2,1}", "((a{2}){3})", "(((((a)))))", "a.b.c", "..", "...", "[.][.]x", "foo\\.bar\\.baz", "(foo[.-]?bar).*", "(?i)[a-z]+", "[^[:ascii:]]*", "a b", "a\tb", "#", "&&", "[a&&b]+", "[a[b]]", "\\s*a\\s*", "[[:word:]]+", "[[:word:]-]+", "(?i)[[:upper:]]+", "a{0,0}b", "(?:ab?)*", "x*", "(x-[0-9]+|orders)-?(eu)?",
  };

  private static void patterns(PrintStream out) throws Exception {
    out.println(MAPPER.writeValueAsString(TOPICS));
    for (String text : PATTERNS) {
      ObjectNode line = MAPPER.createObjectNode();
      line.put("pattern", text);
      try {
        Pattern pattern = Pattern.compile(text);
        var matches = line.putArray("matches");
        for (String topic : TOPICS) if (pattern.matcher(topic).matches()) matches.add(topic);
      } catch (PatternSyntaxException cause) {
        line.put("error", cause.getDescription());
      }
      out.println(MAPPER.writeValueAsString(line));
    }
  }

  private static void hashes(PrintStream out) throws Exception {
    Random random = new Random(7);
    int[] partitionCounts = {1, 2, 3, 5, 8, 12, 20, 24, 25, 30, 50, 52, 53, 60, 100, 250, 260, 600, 2000};
    Map<String, Long> all = new TreeMap<>();
    for (int count : partitionCounts) {
      String name = "topic-" + "n".repeat(random.nextInt(12)) + count;
      Uuid id = new Uuid(random.nextLong(), random.nextLong());
      long hash = Utils.computeTopicHash(name, new OneTopic(name, id, count));
      all.put(name, hash);
      ObjectNode line = MAPPER.createObjectNode();
      line.put("name", name).put("id", id.toString()).put("partitions", count).put("group", Long.toString(Utils.computeGroupHash(all)));
      out.println(MAPPER.writeValueAsString(line));
    }
  }

  private record OneTopic(String name, Uuid id, int partitions) implements CoordinatorMetadataImage, CoordinatorMetadataImage.TopicMetadata {
    @Override
    public Optional<TopicMetadata> topicMetadata(String topic) {
      return Optional.of(this);
    }

    @Override
    public Optional<TopicMetadata> topicMetadata(Uuid topic) {
      return Optional.of(this);
    }

    @Override
    public int partitionCount() {
      return partitions;
    }

    @Override
    public List<String> partitionRacks(int partition) {
      return new ArrayList<>();
    }

    @Override
    public Set<Uuid> topicIds() {
      return Set.of(id);
    }

    @Override
    public Set<String> topicNames() {
      return Set.of(name);
    }

    @Override
    public org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataDelta emptyDelta() {
      throw new UnsupportedOperationException();
    }

    @Override
    public long version() {
      return 0;
    }

    @Override
    public boolean isEmpty() {
      return false;
    }
  }
}
