package io.github.vmplumb;

import static io.github.vmplumb.Live.QUICK;
import static io.github.vmplumb.Live.agent;
import static io.github.vmplumb.Live.cuts;
import static io.github.vmplumb.Live.file;
import static io.github.vmplumb.Live.order;
import static io.github.vmplumb.Live.relay;
import static io.github.vmplumb.Live.surroundings;
import static io.github.vmplumb.Live.unix;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.github.vmplumb.v1.CNIConfiguration;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.GetNetworkRequest;
import io.github.vmplumb.v1.GetStatusRequest;
import io.github.vmplumb.v1.GetStatusResponse;
import io.github.vmplumb.v1.ListNetworksRequest;
import io.github.vmplumb.v1.NetworkInterface;
import io.github.vmplumb.v1.NetworkInterfaces;
import io.github.vmplumb.v1.NetworkSpec;
import io.github.vmplumb.v1.Phase;
import io.github.vmplumb.v1.SetupNetworkRequest;
import io.github.vmplumb.v1.SetupResult;
import io.github.vmplumb.v1.Step;
import io.github.vmplumb.v1.StepState;
import io.github.vmplumb.v1.TeardownNetworkRequest;
import io.github.vmplumb.v1.TeardownResult;
import io.github.vmplumb.v1.VMNetwork;
import io.github.vmplumb.v1.WatchNetworksRequest;
import io.grpc.ChannelCredentials;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Beside a live agent, with real networks. */
class AgentTest {
  private static final long PATIENCE = 60;

  private static VMNetwork record(Agent agent, String vm) {
    return agent.ask(stub -> stub.getNetwork(GetNetworkRequest.newBuilder().setVmId(vm).build())).getNetwork();
  }

  private static GetStatusResponse status(Agent agent) {
    return agent.ask(stub -> stub.getStatus(GetStatusRequest.getDefaultInstance()));
  }

  private static VmplumbException refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(VmplumbException.class, call);
  }

  /** Each told once, in order. Of a quick operation that an agent has told from its end on, there may be gaps. */
  private static boolean inOrder(List<ProgressEvent> events) {
    return IntStream.range(1, events.size()).allMatch(at -> events.get(at).sequence() > events.get(at - 1).sequence());
  }

  /** The first so many events, without a gap. */
  private static boolean isWhole(List<ProgressEvent> events, int first) {
    return events.size() >= first && IntStream.range(0, first).allMatch(at -> events.get(at).sequence() == at + 1);
  }

  @Nested
  class ASetUpAndItsTeardown {
    @ParameterizedTest
    @ValueSource(strings = {"quick", "bridged"})
    void overAUnixSocket(String network) {
      String vm = "java-" + network;
      try (Agent agent = agent()) {
        List<ProgressEvent> events = new ArrayList<>();
        SetupResult result = agent.setUp(vm, Agent.cni(network)).on(events::add).run();
        assertTrue(inOrder(events));
        VMNetwork record = record(agent, vm);
        assertEquals(Phase.PHASE_READY, record.getPhase());
        assertEquals(result, record.getResult());
        var one = result.getInterfaces(0);
        var body = JsonParser.parseString(one.getFirecrackerInterface().getJson().toStringUtf8()).getAsJsonObject();
        assertEquals(one.getStaticConfiguration().getHostDevName(), body.get("host_dev_name").getAsString());
        String address = one.getVmConf().getVmIpConfig().getAddress().split("/")[0];
        assertTrue(result.getIpBootParam().startsWith(address + "::"), result.getIpBootParam());

        List<ProgressEvent> replayed = new ArrayList<>();
        assertEquals(result, agent.setUp(vm, Agent.cni(network)).on(replayed::add).run());
        assertTrue(!replayed.isEmpty() && isWhole(replayed, replayed.size()));
        for (ProgressEvent event : replayed) {
          assertTrue(event.replayed() && event.uid().equals(record.getUid()));
          assertTrue(Duration.between(event.time(), Instant.now()).abs().toMinutes() < 10);
        }
        assertTrue(
            replayed.stream()
                .map(ProgressEvent::progress)
                .anyMatch(
                    it -> it.getStep() == Step.STEP_CNI_ADD && it.getState() == StepState.STEP_STATE_SUCCEEDED));

        var order = TeardownNetworkRequest.newBuilder().setVmId(vm).setWaitForDevices(true).build();
        TeardownResult gone = agent.tearDown(order).run();
        assertTrue(gone.getExisted() && gone.getDevicesGone());
        assertEquals(record.getUid(), gone.getNetworkUid());
        assertFalse(agent.tearDown(vm).run().getExisted());
      }
    }

    @Test
    void withoutWaitingOnAFuture() throws Exception {
      try (Agent agent = agent()) {
        List<CompletableFuture<SetupResult>> all =
            Stream.of("java-a", "java-b", "java-c").map(vm -> agent.setUp(vm, Agent.cni("quick")).start()).toList();
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).get(PATIENCE, TimeUnit.SECONDS);
        assertEquals(3, all.stream().map(one -> one.join().getIpBootParam()).distinct().count());
        var gone = Stream.of("java-a", "java-b", "java-c").map(vm -> agent.tearDown(vm).start()).toList();
        for (var one : gone) {
          assertTrue(one.get(PATIENCE, TimeUnit.SECONDS).getExisted());
        }
        var failing = agent.setUp("java-a", Agent.cni("unheard-of")).start();
        var thrown = assertThrows(ExecutionException.class, () -> failing.get(PATIENCE, TimeUnit.SECONDS));
        var error = (VmplumbException) thrown.getCause();
        assertEquals(ErrorReason.ERROR_REASON_CNI_NETWORK_NOT_FOUND, error.reason);
        agent.tearDown("java-a").run();
      }
    }

    @Test
    void aCancelledFutureEndsTheCallAndNotTheOperation() throws Exception {
      String vm = "java-cancelled";
      try (Agent agent = agent()) {
        CountDownLatch ended = new CountDownLatch(1);
        var future = agent.setUp(vm, Agent.cni("slow")).start();
        future.whenComplete((result, error) -> ended.countDown());
        order("WAIT " + vm);
        assertTrue(future.cancel(true) && ended.await(PATIENCE, TimeUnit.SECONDS));
        assertThrows(CancellationException.class, future::join);
        assertEquals(Phase.PHASE_SETTING_UP, record(agent, vm).getPhase());

        List<ProgressEvent> events = new ArrayList<>();
        var attached = agent.setUp(vm, Agent.cni("slow")).on(events::add).start();
        order("OPEN " + vm);
        assertEquals(1, attached.get(PATIENCE, TimeUnit.SECONDS).getInterfacesCount());
        assertTrue(isWhole(events, 5) && inOrder(events) && events.get(0).replayed());
        agent.tearDown(vm).run();
      }
    }

    @Test
    void neitherATimeOutNorAnInterruptNorTheCallersOwnExceptionEndsIt() throws Exception {
      String vm = "java-left";
      try (Agent agent = agent()) {
        var first = agent.setUp(vm, Agent.cni("slow")).start();
        order("WAIT " + vm);
        var late = refusal(() -> agent.setUp(vm, Agent.cni("slow")).timeout(Duration.ofMillis(50)).run());
        assertEquals(List.of(Status.Code.DEADLINE_EXCEEDED, ""), List.of(late.code, late.reasonName));

        var own = new IllegalStateException("the caller's own");
        var call = agent.setUp(vm, Agent.cni("slow"));
        call.on(
            event -> {
              throw own;
            });
        assertSame(own, assertThrows(IllegalStateException.class, call::run));
        assertEquals(null, agent.setUp(vm, Agent.cni("slow")).until(event -> event.sequence() == 3).run());

        CompletableFuture<VmplumbException> interrupted = new CompletableFuture<>();
        CountDownLatch running = new CountDownLatch(1);
        Thread caller =
            new Thread(
                () -> {
                  var waiting = agent.setUp(vm, Agent.cni("slow")).on(event -> running.countDown());
                  interrupted.complete(refusal(waiting::run));
                });
        caller.start();
        assertTrue(running.await(PATIENCE, TimeUnit.SECONDS));
        caller.interrupt();
        assertEquals(Status.Code.CANCELLED, interrupted.get(PATIENCE, TimeUnit.SECONDS).code);

        assertEquals(Phase.PHASE_SETTING_UP, record(agent, vm).getPhase());
        order("OPEN " + vm);
        assertEquals(agent.setUp(vm, Agent.cni("slow")).run(), first.get(PATIENCE, TimeUnit.SECONDS));
        agent.tearDown(vm).run();
      }
    }

    @Test
    void aTeardownEndsASetUpWhoseCallerIsTold() throws Exception {
      String vm = "java-torn";
      try (Agent agent = agent()) {
        var setUp = agent.setUp(vm, Agent.cni("slow")).start();
        order("WAIT " + vm);
        assertTrue(agent.tearDown(vm).run().getExisted());
        var thrown = assertThrows(ExecutionException.class, () -> setUp.get(PATIENCE, TimeUnit.SECONDS));
        assertEquals(ErrorReason.ERROR_REASON_TORN_DOWN, ((VmplumbException) thrown.getCause()).reason);
      }
    }
  }

  @Nested
  class ABrokenStream {
    /** The set-up waits in a plugin while it is cut, and is let through once this many events are told. */
    @ParameterizedTest
    @CsvSource({
      "times=3 messages=0, 1, 3",
      "times=3 messages=1, 4, 3",
      "times=2 messages=2, 5, 2",
      "times=1 messages=4, 5, 1",
      "times=3 bytes=50, 1, 3",
      "times=1 bytes=250, 5, 1"
    })
    void isAttachedAgainWithoutAWord(String settings, int told, int broken) {
      String target = relay(settings);
      String vm = "java-cut-" + settings.replaceAll("\\W", "-");
      try (Agent agent = agent(target);
          Agent direct = agent()) {
        List<ProgressEvent> events = new ArrayList<>();
        var call = agent.setUp(vm, Agent.cni("slow")).on(events::add);
        SetupResult result = call.on(event -> open(vm, events.size() == told)).run();
        assertTrue(isWhole(events, told) && inOrder(events));
        assertEquals(1, events.stream().map(ProgressEvent::uid).distinct().count());
        assertEquals(broken, cuts(target));
        assertEquals(result, direct.setUp(vm, Agent.cni("slow")).run());
        assertTrue(direct.tearDown(vm).run().getExisted());
      }
    }

    private static void open(String vm, boolean now) {
      if (now) {
        order("OPEN " + vm);
      }
    }

    @Test
    void isAttachedAgainWhereverItIsCut() {
      String vm = "java-cut-anywhere";
      try (Agent direct = agent()) {
        List<Long> whole = new ArrayList<>();
        direct.setUp(vm, Agent.cni("quick")).run();
        SetupResult result = direct.setUp(vm, Agent.cni("quick")).on(event -> whole.add(event.sequence())).run();
        for (int bytes = 0; bytes < 900; bytes += 9) {
          List<Long> told = new ArrayList<>();
          try (Agent agent = agent(relay("times=2 bytes=" + bytes))) {
            assertEquals(result, agent.setUp(vm, Agent.cni("quick")).on(event -> told.add(event.sequence())).run());
            assertEquals(whole, told, "cut after " + bytes + " bytes");
          }
        }
        direct.tearDown(vm).run();
      }
    }

    @Test
    void ofATeardownIsAttachedAgainToo() {
      String vm = "java-cut-teardown";
      String target = relay("times=2 messages=0");
      try (Agent agent = agent(target);
          Agent direct = agent()) {
        direct.setUp(vm, Agent.cni("quick")).run();
        List<ProgressEvent> events = new ArrayList<>();
        agent.tearDown(vm).on(events::add).run();
        assertTrue(inOrder(events));
        assertEquals(2, cuts(target));
        assertEquals(ErrorReason.ERROR_REASON_VM_NOT_FOUND, refusal(() -> record(direct, vm)).reason);
      }
    }

    @Test
    void thatNeverComesBackIsAnErrorForGoodAfterTheTries() {
      String target = relay("times=1000 messages=0");
      try (Agent agent = Agent.at(target).retry(new Retry(3, QUICK.first(), QUICK.most())).dial()) {
        var error = refusal(() -> agent.tearDown("java-nobody").run());
        assertTrue(error.unreachable() && error.retryable() && error.reasonName.isEmpty());
        assertEquals(3, cuts(target));
      }
    }

    @Test
    void toNobodyAtAllIsUnreachable() {
      try (Agent agent = agent("unix:/nowhere/agent.sock")) {
        assertTrue(refusal(() -> status(agent)).unreachable());
      }
    }
  }

  @Nested
  class ARefusal {
    static Stream<Arguments> refusals() {
      return Stream.of(
          Arguments.of("broken", "CNI_ADD_FAILED", true, 100, "the switch is full"),
          Arguments.of("busy", "CNI_TRY_AGAIN_LATER", true, 11, "the switch is busy"),
          Arguments.of("missing", "CNI_PLUGIN_UNAVAILABLE", false, 0, ""),
          Arguments.of("tapless", "CNI_RESULT_UNUSABLE", false, 0, ""),
          Arguments.of("unheard-of", "CNI_NETWORK_NOT_FOUND", false, 0, ""));
    }

    @ParameterizedTest
    @MethodSource("refusals")
    void ofASetUpHasItsReason(String network, String name, boolean retryable, int code, String text) {
      String vm = "java-" + network;
      try (Agent agent = agent()) {
        var error = refusal(() -> agent.setUp(vm, Agent.cni(network)).run());
        ErrorReason reason = ErrorReason.valueOf("ERROR_REASON_" + name);
        assertEquals(List.of(name, reason, vm), List.of(error.reasonName, error.reason, error.vmId));
        assertEquals(reason, error.failure.orElseThrow().getReason());
        assertEquals(List.of(retryable, false), List.of(error.retryable(), error.unreachable()));
        var plugin = error.failure.orElseThrow().getCniError();
        assertEquals(List.of(code, text), List.of(code == 0 ? 0 : plugin.getCode(), code == 0 ? "" : plugin.getMsg()));
        assertEquals(code == 11, error.retryAfter.isPresent());
        agent.tearDown(vm).run();
      }
    }

    @Test
    void hasEveryViolationAtOnce() {
      var cni = CNIConfiguration.newBuilder().setNetworkName("not/a name").setIfName("eth%d");
      var one = NetworkInterface.newBuilder().setCniConfiguration(cni);
      var spec = NetworkSpec.newBuilder().setNetworkInterfaces(NetworkInterfaces.newBuilder().addInterfaces(one));
      var request = SetupNetworkRequest.newBuilder().setVmId("java_1").setKernelArgs("ip=dhcp").setSpec(spec).build();
      try (Agent agent = agent()) {
        var error = refusal(() -> agent.setUp(request).run());
        assertEquals(ErrorReason.ERROR_REASON_INVALID_REQUEST, error.reason);
        String place = "spec.network_interfaces.interfaces[0].cni_configuration";
        assertEquals(
            List.of(
                " network_spec.ip_with_kernel_arg",
                place + ".if_name if_name",
                place + ".network_name string.pattern",
                "vm_id string.pattern"),
            error.violations.stream().map(it -> it.field() + " " + it.rule()).sorted().toList());
        assertTrue(error.violations.stream().noneMatch(it -> it.message().isEmpty()));
        // The same as is judged on this side.
        assertEquals(
            error.violations.stream().map(Violation::toString).sorted().toList(),
            Rules.violations(request).stream().map(Violation::toString).sorted().toList());
      }
    }

    @Test
    void ofAnotherSpecOfAnotherIncarnationOfAVmThatIsNotThereOfANetworkWithoutAnAddress() {
      try (Agent agent = agent()) {
        agent.setUp("java-first", Agent.cni("small")).run();
        var conflict = refusal(() -> agent.setUp("java-first", Agent.cni("quick")).run());
        assertEquals(ErrorReason.ERROR_REASON_SPEC_CONFLICT, conflict.reason);
        var another = TeardownNetworkRequest.newBuilder().setVmId("java-first").setUid("another").build();
        assertEquals(ErrorReason.ERROR_REASON_UID_MISMATCH, refusal(() -> agent.tearDown(another).run()).reason);
        assertEquals(ErrorReason.ERROR_REASON_VM_NOT_FOUND, refusal(() -> record(agent, "java-none")).reason);
        var exhausted = refusal(() -> agent.setUp("java-second", Agent.cni("small")).run());
        assertEquals(ErrorReason.ERROR_REASON_ADDRESSES_EXHAUSTED, exhausted.reason);
        for (String vm : List.of("java-first", "java-second")) {
          agent.tearDown(TeardownNetworkRequest.newBuilder().setVmId(vm).setWaitForDevices(true).build()).run();
        }
      }
    }

    @Test
    void ofATeardownKeepsTheRecordAndTheNextOneSucceeds() {
      String vm = "java-stubborn";
      try (Agent agent = agent()) {
        agent.setUp(vm, Agent.cni("stubborn")).run();
        var error = refusal(() -> agent.tearDown(vm).run());
        assertEquals(ErrorReason.ERROR_REASON_CNI_DEL_FAILED, error.reason);
        assertEquals(101, error.failure.orElseThrow().getCniError().getCode());
        assertEquals(Phase.PHASE_FAILED, record(agent, vm).getPhase());
        assertTrue(agent.tearDown(vm).run().getExisted());
      }
    }
  }

  @Nested
  class AWatch {
    /** "vm PHASE", or "bookmark", of an event. */
    private static String word(WatchEvent event) {
      return event.network().map(one -> one.getVmId() + " " + one.getPhase()).orElse("bookmark");
    }

    private static boolean is(WatchEvent event, Phase phase) {
      return event.network().filter(one -> one.getPhase() == phase).isPresent();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "times=8 messages=1", "times=8 messages=2", "times=3 bytes=900"})
    void tellsEveryChangeOnce(String settings) {
      String vm = "java-watched-" + settings.replaceAll("\\W", "-") + "x";
      try (Agent agent = agent();
          Agent watcher = agent(settings.isEmpty() ? unix() : relay(settings))) {
        List<WatchEvent> events = new ArrayList<>();
        var watch = watcher.watch(vm).until(event -> is(event, Phase.PHASE_REMOVED));
        watch.on(events::add);
        watch.on(
            event -> {
              if (events.size() == 1) {
                agent.setUp(vm, Agent.cni("quick")).run();
              } else if (is(event, Phase.PHASE_READY)) {
                agent.tearDown(vm).run();
              }
            });
        watch.timeout(Duration.ofSeconds(PATIENCE)).run();
        assertEquals("bookmark", word(events.get(0)));
        List<WatchEvent> changes = events.stream().filter(it -> it.network().isPresent()).toList();
        for (int at = 1; at < changes.size(); at++) {
          assertTrue(changes.get(at).revision() > changes.get(at - 1).revision(), changes.toString());
        }
        List<String> words = changes.stream().map(AWatch::word).toList();
        assertTrue(words.contains(vm + " PHASE_READY"), words.toString());
        assertEquals(vm + " PHASE_REMOVED", words.get(words.size() - 1));
      }
    }

    @Test
    void tellsARemovalThatHappenedBetweenTwoSnapshots() {
      try (Agent agent = agent();
          Agent watcher = agent(relay("times=1 messages=1"))) {
        for (String vm : List.of("java-here", "java-stays")) {
          agent.setUp(vm, Agent.cni("quick")).run();
        }
        List<String> words = new ArrayList<>();
        var watch = watcher.watch("java-here", "java-stays").until(event -> event.network().isEmpty());
        watch.on(event -> words.add(word(event)));
        watch.on(
            event -> { // before the stream is opened again, on this thread
              if (words.size() == 1) {
                agent.tearDown("java-here").run();
              }
            });
        watch.timeout(Duration.ofSeconds(PATIENCE)).run();
        var expected =
            List.of("java-here PHASE_READY", "java-stays PHASE_READY", "java-here PHASE_REMOVED", "bookmark");
        assertEquals(expected, words);
        agent.tearDown("java-stays").run();
      }
    }

    @Test
    void goesOnOverARestartOfTheAgentFromTheLastBookmark() {
      try (Agent agent = agent();
          Agent watcher = Agent.at(unix()).retry(new Retry(50, QUICK.first(), Duration.ofMillis(200))).dial()) {
        List<String> words = new ArrayList<>();
        var watch = watcher.watch("java-restart").until(event -> is(event, Phase.PHASE_READY));
        watch.on(event -> words.add(word(event)));
        watch.on(
            event -> {
              if (words.size() == 1) {
                order("RESTART");
                agent.setUp("java-restart", Agent.cni("quick")).run();
              }
            });
        watch.timeout(Duration.ofSeconds(PATIENCE)).run();
        assertEquals(1, words.stream().filter("java-restart PHASE_READY"::equals).count());
        agent.tearDown("java-restart").run();
      }
    }

    @Test
    void fromAPositionOfTheCallersTellsOnlyWhatCameAfterAndOneThatNeverWasIsRefused() {
      try (Agent agent = agent()) {
        long revision = agent.ask(it -> it.listNetworks(ListNetworksRequest.getDefaultInstance())).getRevision();
        agent.setUp("java-after", Agent.cni("quick")).run();
        List<WatchEvent> events = new ArrayList<>();
        var request = WatchNetworksRequest.newBuilder().addVmIds("java-after").setAfterRevision(revision).build();
        var watch = agent.watch(request).on(events::add).until(event -> is(event, Phase.PHASE_READY));
        watch.timeout(Duration.ofSeconds(PATIENCE)).run();
        assertTrue(events.stream().allMatch(it -> it.revision() > revision));
        agent.tearDown("java-after").run();
        var never = WatchNetworksRequest.newBuilder().setAfterRevision(1L << 60).build();
        assertEquals(ErrorReason.ERROR_REASON_RESUME_POSITION_LOST, refusal(() -> agent.watch(never).run()).reason);
      }
    }

    @Test
    void endsWithItsFutureAndWithItsAgent() throws Exception {
      CountDownLatch told = new CountDownLatch(2);
      try (Agent agent = agent()) {
        var cancelled = agent.watch("java-nothing").on(event -> told.countDown()).start();
        var closed = agent.watch("java-nothing").on(event -> told.countDown()).start();
        assertTrue(told.await(PATIENCE, TimeUnit.SECONDS));
        assertTrue(cancelled.cancel(true));
        agent.close();
        assertThrows(ExecutionException.class, () -> closed.get(PATIENCE, TimeUnit.SECONDS));
      }
    }
  }

  @Nested
  class OverMutualTls {
    private static final String TARGET = surroundings("TLS");

    @Test
    void aSetUpAndItsTeardownByAddressAndByName() throws Exception {
      var tls = Agent.mutualTls(file("CA"), file("CERT"), file("KEY"));
      try (Agent agent = Agent.at(TARGET, tls).retry(QUICK).dial();
          Agent named = Agent.at(TARGET, tls).retry(QUICK).serverName("localhost").dial()) {
        assertEquals(1, agent.setUp("java-tls", Agent.cni("quick")).run().getInterfacesCount());
        assertTrue(named.tearDown("java-tls").run().getExisted());
      }
    }

    static Stream<Arguments> strangers() throws Exception {
      Path ca = file("CA");
      var whole = Agent.mutualTls(ca, file("CERT"), file("KEY"));
      return Stream.of(
          Arguments.of("a caller of another authority", strange(ca), "localhost"),
          Arguments.of(
              "a caller without a certificate",
              TlsChannelCredentials.newBuilder().trustManager(ca.toFile()).build(),
              "localhost"),
          Arguments.of("an agent of another authority", strange(file("STRANGER_CERT")), "localhost"),
          Arguments.of("an agent of another name", whole, "somebody.else"));
    }

    private static ChannelCredentials strange(Path ca) throws Exception {
      return Agent.mutualTls(ca, file("STRANGER_CERT"), file("STRANGER_KEY"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("strangers")
    void aStrangerIsRefused(String who, ChannelCredentials tls, String name) {
      Retry once = new Retry(1, QUICK.first(), QUICK.most());
      try (Agent agent = Agent.at(TARGET, tls).serverName(name).retry(once).dial()) {
        var error = refusal(() -> status(agent));
        assertTrue(error.unreachable() && error.reason == ErrorReason.ERROR_REASON_UNSPECIFIED, error.toString());
      }
    }

    @Test
    void tcpWithoutItIsNotEvenTried() {
      assertThrows(IllegalArgumentException.class, () -> Agent.at(TARGET));
    }
  }

  @Test
  void theProgramOfTheReadmeRuns() throws Exception {
    List<String> well = example("quick");
    assertTrue(well.stream().anyMatch(line -> line.contains("\"host_dev_name\":\"tap")), well.toString());
    assertTrue(well.stream().anyMatch(line -> line.startsWith("boot with ip=10.201.")), well.toString());
    assertEquals(List.of("gone", "exit 0"), well.subList(well.size() - 2, well.size()));
    List<String> refused = example("not/a name");
    assertEquals("exit 2", refused.get(refused.size() - 1));
    assertTrue(refused.stream().anyMatch(line -> line.contains("network_name: string.pattern: ")), refused.toString());
  }

  /** What the example prints, and how it ends. */
  private static List<String> example(String network) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classes = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    Process run =
        new ProcessBuilder(java, "-cp", classes, "examples/SetUp.java", unix(), network, "java-readme")
            .redirectErrorStream(true)
            .start();
    List<String> lines = new ArrayList<>();
    run.inputReader().lines().forEach(lines::add);
    lines.add("exit " + run.waitFor());
    return lines;
  }
}
