package judge;

/** Main BOOTSTRAP old|new [FILTER]: `old` has the cases that every version of kafka-clients since 2.8 can run. */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        Judge judge = new Judge(args[0]);
        Clients clients = new Clients(judge);
        ProducerCases.add(judge, clients);
        TransactionCases.add(judge, clients);
        for (String protocol : args[1].equals("new") ? new String[] {"classic", "consumer"} : new String[] {""}) {
            ReaderCases.add(judge, clients, protocol);
            GroupCases.add(judge, clients, protocol);
        }
        if (args[1].equals("new")) Class.forName("judge.NewCases").getDeclaredMethod("add", Judge.class, Clients.class).invoke(null, judge, clients);
        judge.run(args.length > 2 ? args[2] : "", 4);
        System.exit(0);
    }
}
