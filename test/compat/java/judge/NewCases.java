package judge;

/** Cases over calls that only kafka-clients 4 has. */
final class NewCases {
    private NewCases() {}

    static void add(Judge judge, Clients clients) {
        ConsumerProtocolCases.add(judge, clients);
        AdminCases.add(judge, clients);
        GroupAdminCases.add(judge, clients);
        ConfigCases.add(judge, clients);
    }
}
