// A server that speaks MongoDB's wire protocol, for the tests: mongo-java-server with its H2 storage.
//
// Run, compiled: java -cp "LIB/*:CLASSES" MongoWireServer standalone|replica-set PORT [FILE]
// It prints "ready PORT" and ends when its standard input does, so that it never outlives the tests.
//
// What it adds to mongo-java-server, each as MongoDB documents it:
// - wire version 13, which is MongoDB 5.0's, and its command hello;
// - one command at a time, and a reply that is a copy: without it a reply shows increments that came after it;
// - as a replica set: the reply to a retried write (same lsid and txnNumber) is the one of the first try;
// - configureFailPoint failCommand, with errorCode, closeConnection and writeConcernError.

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import io.netty.channel.Channel;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.h2.mvstore.MVStore;

public final class MongoWireServer extends H2Backend {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify");

    private record Answer(Object number, Document reply) {}

    private final boolean isReplicaSet;
    // The last numbered write of each session, which is what MongoDB remembers.
    private final Map<String, Answer> answered = new HashMap<>();
    private volatile String address = "";
    private int failuresLeft;
    private Document failure = new Document();

    private MongoWireServer(boolean isReplicaSet, String file) {
        super(file == null ? MVStore.open(null) : MVStore.open(file));
        this.isReplicaSet = isReplicaSet;
    }

    public static void main(String[] arguments) throws Exception {
        String file = arguments.length > 2 ? arguments[2] : null;
        MongoWireServer backend = new MongoWireServer(arguments[0].equals("replica-set"), file);
        backend.version(new MongoVersion() {
            @Override
            public List<Integer> getVersionArray() {
                return List.of(5, 0, 0);
            }

            @Override
            public int getWireVersion() {
                return 13;
            }
        });
        MongoServer server = new MongoServer(backend);
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[1])));
        backend.address = "127.0.0.1:" + server.getLocalAddress().getPort();
        System.out.println("ready " + server.getLocalAddress().getPort());
        while (System.in.read() >= 0) {
            continue;
        }
        server.shutdownNow();
        System.exit(0);
    }

    @Override
    public synchronized Document handleCommand(Channel channel, String database, String command, Document query) {
        if (command.equals("configureFailPoint")) {
            return configureFailPoint(query);
        }
        Document planned = plannedFailure(command);
        if (Boolean.TRUE.equals(planned.get("closeConnection"))) {
            channel.close();
            throw new MongoServerError(6, "HostUnreachable", "the connection was closed by a fail point");
        }
        if (planned.containsKey("errorCode")) {
            int code = ((Number) planned.get("errorCode")).intValue();
            throw new MongoServerError(code, "Planned", "failed by a fail point");
        }
        Object number = isReplicaSet ? query.get("txnNumber") : null;
        String session = String.valueOf(query.get("lsid"));
        if (number != null && answered.containsKey(session) && answered.get(session).number().equals(number)) {
            return answered.get(session).reply().cloneDeeply();
        }
        boolean isHello = command.equals("hello") || command.equalsIgnoreCase("ismaster");
        Document reply = super.handleCommand(channel, database, isHello ? "isMaster" : command, query).cloneDeeply();
        if (isHello) {
            describe(reply);
        }
        if (number != null) {
            answered.put(session, new Answer(number, reply.cloneDeeply()));
        }
        if (WRITES.contains(command)) {
            commit();
        }
        if (planned.containsKey("writeConcernError")) {
            reply.put("writeConcernError", planned.get("writeConcernError"));
        }
        return reply;
    }

    private void describe(Document reply) {
        reply.put("isWritablePrimary", true);
        if (!isReplicaSet) {
            return;
        }
        reply.put("secondary", false);
        reply.put("setName", "tests");
        reply.put("setVersion", 1);
        reply.put("hosts", List.of(address));
        reply.put("primary", address);
        reply.put("me", address);
        reply.put("logicalSessionTimeoutMinutes", 30);
    }

    private Document configureFailPoint(Document query) {
        Object mode = query.get("mode");
        if (mode instanceof Document times) {
            failuresLeft = ((Number) times.get("times")).intValue();
        } else {
            failuresLeft = "off".equals(mode) ? 0 : Integer.MAX_VALUE;
        }
        Object data = query.get("data");
        failure = data instanceof Document given ? given : new Document();
        return new Document("ok", 1.0);
    }

    private Document plannedFailure(String command) {
        Object commands = failure.get("failCommands");
        if (failuresLeft == 0 || !(commands instanceof Collection<?> named) || !named.contains(command)) {
            return new Document();
        }
        failuresLeft--;
        return failure;
    }
}
