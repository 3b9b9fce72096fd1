import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;

/**
 * Asks Apache Kafka's own classes what messages look like on the wire: for every version of every message it fills a random
 * message, guided by the definitions inside of Kafka's jars, and prints it as JSON next to the bytes. With `rules` as the first
 * argument it prints what those definitions say about each field. See README.md.
 */
public final class Golden {
  private static final ObjectMapper MAPPER = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final String[] TEXTS = {"", "a", "topic", "größe", "日本", "x".repeat(130), "g/1"};
  private static final long[] LONGS = {0, -1, 1, 1_700_000_000_000L, (1L << 53) - 1, -(1L << 53) + 1, 4_294_967_296L};

  private final Random random;
  private final Map<String, JsonNode> structs = new HashMap<>();
  private final short version;
  private final Variant variant;

  private enum Variant {
    /** Everything optional is there and nothing is null. */
    FULL(1),
    CHANCE(0),
    /** As FULL, but the tagged fields that may be null are. Only for messages that have such. */
    NULL_TAGS(1 << 20);

    final int seed;

    Variant(int seed) {
      this.seed = seed;
    }
  }

  private Golden(short version, Variant variant, long seed) {
    this.version = version;
    this.variant = variant;
    this.random = new Random(seed);
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("rules")) {
      for (int i = 1; i < arguments.length; i++) printRules(arguments[i].split(":")[0]);
      return;
    }
    for (String argument : arguments) {
      String[] parts = argument.split(":");
      String name = parts[0];
      for (short version = Short.parseShort(parts[1]); version <= Short.parseShort(parts[2]); version++) {
        for (Variant variant : Variant.values()) print(name, version, variant);
      }
    }
  }

  private static void print(String name, short version, Variant variant) throws Exception {
    Golden golden = new Golden(version, variant, name.hashCode() * 31L + version * 2 + variant.seed);
    JsonNode definition = definition(name);
    golden.structs.putAll(commonStructs(definition));
    if (variant == Variant.NULL_TAGS && !golden.hasNullableTag(definition.get("fields"))) return;
    ObjectNode value = golden.struct(definition.get("fields"));
    if (namesItsVersion(definition)) value.put("version", version);
    Class<?> converter = converterOf(name);
    Message message = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, value, version);
    byte[] bytes = asKept(definition, message, version);
    if (namesItsVersion(definition)) value.remove("version");
    ObjectNode line = NODES.objectNode();
    line.put("message", name).put("version", version).set("value", value);
    line.put("bytes", HexFormat.of().formatHex(bytes));
    System.out.println(MAPPER.writeValueAsString(line));
  }

  /** The bytes of a request or response; those of anything else with what leads it where it is kept. */
  private static byte[] asKept(JsonNode definition, Message message, short version) {
    switch (definition.get("type").asText()) {
      case "coordinator-key":
        return MessageUtil.toCoordinatorTypePrefixedBytes((ApiMessage) message);
      case "coordinator-value":
        return MessageUtil.toVersionPrefixedBytes(version, message);
      case "metadata": {
        ApiMessageAndVersion record = new ApiMessageAndVersion((ApiMessage) message, version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(MetadataRecordSerde.INSTANCE.recordSize(record, cache));
        MetadataRecordSerde.INSTANCE.write(record, cache, new ByteBufferAccessor(buffer));
        return buffer.array();
      }
      case "data":
        if (!namesItsVersion(definition)) return MessageUtil.toVersionPrefixedBytes(version, message);
        // Falls through: the version is part of the message.
      default: {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
      }
    }
  }

  /** Control records of the quorum have their leading version as a field. */
  private static boolean namesItsVersion(JsonNode definition) {
    return definition.get("type").asText().equals("data") && isVersion(definition.get("fields").get(0));
  }

  private static boolean isVersion(JsonNode field) {
    return field.get("name").asText().equals("Version");
  }

  private static JsonNode definition(String name) throws IOException {
    String file = name.equals("ZkMigrationStateRecord") ? "ZkMigrationRecord" : name;
    for (String folder : new String[] {"/common/message/", "/common/metadata/"}) {
      try (InputStream in = Golden.class.getResourceAsStream(folder + file + ".json")) {
        if (in != null) return MAPPER.readTree(in);
      }
    }
    throw new IOException("no definition of " + name);
  }

  private static Map<String, JsonNode> commonStructs(JsonNode definition) {
    Map<String, JsonNode> structs = new HashMap<>();
    for (JsonNode struct : definition.path("commonStructs")) structs.put(struct.get("name").asText(), struct.get("fields"));
    return structs;
  }

  /** What a definition says about each field, by its path. */
  private static void printRules(String name) throws IOException {
    JsonNode definition = definition(name);
    ObjectNode rules = NODES.objectNode();
    collectRules(definition.get("fields"), "", commonStructs(definition), rules);
    if (namesItsVersion(definition)) rules.remove("version");
    ObjectNode line = NODES.objectNode();
    line.put("message", name).put("flexible", definition.get("flexibleVersions").asText()).set("fields", rules);
    System.out.println(MAPPER.writeValueAsString(line));
  }

  private static void collectRules(JsonNode fields, String path, Map<String, JsonNode> structs, ObjectNode rules) {
    for (JsonNode field : fields) {
      String name = path + field.get("name").asText().substring(0, 1).toLowerCase() + field.get("name").asText().substring(1);
      String type = field.get("type").asText();
      ObjectNode rule = NODES.objectNode().put("type", type);
      for (String key : new String[] {"versions", "nullableVersions", "taggedVersions", "tag", "default", "ignorable"}) {
        if (field.hasNonNull(key)) rule.set(key, field.get(key));
      }
      rule.put("versions", versionsOf(field));
      rules.set(name, rule);
      JsonNode members = membersOf(field, structs);
      if (members != null) collectRules(members, name + ".", structs, rules);
    }
  }

  private static Class<?> converterOf(String name) throws ClassNotFoundException {
    String[] candidates = {
      "org.apache.kafka.common.message." + name + "DataJsonConverter",
      "org.apache.kafka.common.message." + name + "JsonConverter",
      "org.apache.kafka.coordinator.group.generated." + name + "JsonConverter",
      "org.apache.kafka.coordinator.transaction.generated." + name + "JsonConverter",
      "org.apache.kafka.common.metadata." + name + "JsonConverter",
    };
    for (String candidate : candidates) {
      try {
        return Class.forName(candidate);
      } catch (ClassNotFoundException ignored) {
        // The next one.
      }
    }
    throw new ClassNotFoundException(name);
  }

  private ObjectNode struct(JsonNode fields) {
    ObjectNode value = NODES.objectNode();
    for (JsonNode field : fields) {
      if (!carries(versionsOf(field))) continue;
      if (field.has("tag") && variant == Variant.CHANCE && random.nextBoolean()) continue;
      String name = field.get("name").asText();
      value.set(name.substring(0, 1).toLowerCase() + name.substring(1), value(field));
    }
    return value;
  }

  private boolean hasNullableTag(JsonNode fields) {
    for (JsonNode field : fields) {
      if (!carries(versionsOf(field))) continue;
      if (field.has("tag") && carries(field.path("nullableVersions").asText())) return true;
      JsonNode members = membersOf(field, structs);
      if (members != null && hasNullableTag(members)) return true;
    }
    return false;
  }

  private static JsonNode membersOf(JsonNode field, Map<String, JsonNode> structs) {
    return field.has("fields") ? field.get("fields") : structs.get(field.get("type").asText().replace("[]", ""));
  }

  /** A tagged field need not say its versions twice. */
  private static String versionsOf(JsonNode field) {
    return field.has("versions") ? field.get("versions").asText() : field.path("taggedVersions").asText();
  }

  private boolean carries(String versions) {
    if (versions.isEmpty() || versions.equals("none")) return false;
    if (versions.endsWith("+")) return version >= Integer.parseInt(versions.substring(0, versions.length() - 1));
    int dash = versions.indexOf('-');
    if (dash < 0) return version == Integer.parseInt(versions);
    return version >= Integer.parseInt(versions.substring(0, dash)) && version <= Integer.parseInt(versions.substring(dash + 1));
  }

  private JsonNode value(JsonNode field) {
    String type = field.get("type").asText();
    if (carries(field.path("nullableVersions").asText())) {
      if (variant == Variant.CHANCE && random.nextInt(3) == 0) return NODES.nullNode();
      if (variant == Variant.NULL_TAGS && field.has("tag")) return NODES.nullNode();
    }
    if (!type.startsWith("[]")) return scalar(type, field);
    ArrayNode array = NODES.arrayNode();
    int count = variant == Variant.CHANCE ? random.nextInt(3) : 1 + random.nextInt(2);
    for (int i = 0; i < count; i++) array.add(scalar(type.substring(2), field));
    return array;
  }

  private JsonNode scalar(String type, JsonNode field) {
    switch (type) {
      case "bool": return NODES.booleanNode(random.nextBoolean());
      case "int8": return NODES.numberNode((byte) random.nextInt());
      case "uint16": return NODES.numberNode(random.nextInt(1 << 16));
      case "int16": return NODES.numberNode((short) random.nextInt());
      case "int32": return NODES.numberNode(random.nextInt() >> random.nextInt(32));
      case "int64": return NODES.numberNode(LONGS[random.nextInt(LONGS.length)]);
      case "string": return NODES.textNode(TEXTS[random.nextInt(variant == Variant.CHANCE ? 4 : TEXTS.length)]);
      case "uuid": return NODES.textNode(new Uuid(random.nextLong(), random.nextLong()).toString());
      case "bytes": case "records": {
        byte[] bytes = new byte[random.nextInt(40)];
        random.nextBytes(bytes);
        return NODES.binaryNode(bytes);
      }
      default: return struct(field.has("fields") ? field.get("fields") : structs.get(type));
    }
  }
}
