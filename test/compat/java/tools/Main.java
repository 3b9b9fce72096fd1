package tools;

import judge.Clients;
import judge.Judge;

/** Main BOOTSTRAP [FILTER] */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        Judge judge = new Judge(args[0]);
        new TopicTools(judge, new Clients(judge)).add();
        new GroupTools(judge, new Clients(judge)).add();
        new ClusterTools(judge, new Clients(judge)).add();
        new LoadTools(judge, new Clients(judge)).add();
        judge.run(args.length > 1 ? args[1] : "", 1);
        Runtime.getRuntime().halt(0);
    }
}
