package io.github.vmplumb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.NetworkAgentServiceGrpc;
import io.github.vmplumb.v1.NetworkSpec;
import io.github.vmplumb.v1.Phase;
import io.github.vmplumb.v1.Progress;
import io.github.vmplumb.v1.SetupNetworkRequest;
import io.github.vmplumb.v1.SetupNetworkResponse;
import io.github.vmplumb.v1.SetupResult;
import io.github.vmplumb.v1.VMNetwork;
import io.github.vmplumb.v1.WatchBookmark;
import io.github.vmplumb.v1.WatchNetworksRequest;
import io.github.vmplumb.v1.WatchNetworksResponse;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against an agent of ours that says what a real one seldom does: lost positions, draining, streams without an end. */
class ScriptedTest extends NetworkAgentServiceGrpc.NetworkAgentServiceImplBase {
  /** What one stream sends, and how it ends: well if `end` is null. */
  private record Stream<A>(List<A> sends, Throwable end) {}

  private static final Throwable BROKEN = Status.UNAVAILABLE.asException();
  private static final Throwable LOST = refused(Status.Code.OUT_OF_RANGE, "RESUME_POSITION_LOST");

  private final Queue<Stream<SetupNetworkResponse>> setUps = new ConcurrentLinkedQueue<>();
  private final Queue<Stream<WatchNetworksResponse>> watches = new ConcurrentLinkedQueue<>();
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private Server server;
  private Agent agent;

  @BeforeEach
  void serve() throws IOException {
    server = Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create()).addService(this).build().start();
    String target = "127.0.0.1:" + server.getPort();
    agent = Agent.at(target, InsecureChannelCredentials.create()).retry(Live.QUICK).dial();
  }

  @AfterEach
  void close() {
    agent.close();
    server.shutdownNow();
  }

  @Override
  public void setupNetwork(SetupNetworkRequest request, StreamObserver<SetupNetworkResponse> observer) {
    asked.add(request.hasResume() ? request.getResume().getUid() + " " + request.getResume().getSequence() : "");
    play(setUps.remove(), observer);
  }

  @Override
  public void watchNetworks(WatchNetworksRequest request, StreamObserver<WatchNetworksResponse> observer) {
    asked.add(request.hasAfterRevision() ? "" + request.getAfterRevision() : "");
    play(watches.remove(), observer);
  }

  private static <A> void play(Stream<A> stream, StreamObserver<A> observer) {
    stream.sends.forEach(observer::onNext);
    if (stream.end == null) {
      observer.onCompleted();
    } else {
      observer.onError(stream.end);
    }
  }

  private static Throwable refused(Status.Code code, String reason) {
    var info = Any.pack(ErrorInfo.newBuilder().setDomain("vmplumb.v1").setReason(reason).build());
    var later = Any.pack(RetryInfo.newBuilder().setRetryDelay(Duration.newBuilder().setNanos(3_000_000)).build());
    var status = com.google.rpc.Status.newBuilder().setCode(code.value()).addDetails(info).addDetails(later);
    return StatusProto.toStatusException(status.build());
  }

  private static SetupNetworkResponse progress(String uid, long sequence) {
    var one = SetupNetworkResponse.newBuilder().setUid(uid).setSequence(sequence);
    return one.setProgress(Progress.getDefaultInstance()).build();
  }

  private static SetupNetworkResponse result(String uid, long sequence) {
    var one = SetupNetworkResponse.newBuilder().setUid(uid).setSequence(sequence);
    return one.setResult(SetupResult.newBuilder().setIpBootParam("of " + uid)).build();
  }

  private void setUp(Throwable end, SetupNetworkResponse... sends) {
    setUps.add(new Stream<>(List.of(sends), end));
  }

  private void watch(Throwable end, WatchNetworksResponse... sends) {
    watches.add(new Stream<>(List.of(sends), end));
  }

  private List<String> told() {
    List<String> words = new ArrayList<>();
    var call = agent.setUp("vm-1", NetworkSpec.getDefaultInstance());
    words.add(call.on(event -> words.add(event.uid() + " " + event.sequence())).run().getIpBootParam());
    return words;
  }

  @Test
  void aPositionThatIsLostIsDoneWithoutAndAReplayIsNotToldAgain() {
    setUp(BROKEN, progress("a", 1), progress("a", 2));
    setUp(LOST);
    setUp(null, progress("a", 1), progress("a", 2), progress("a", 3), result("a", 4));
    assertEquals(List.of("a 1", "a 2", "a 3", "of a"), told());
    assertEquals(List.of("", "a 2", ""), asked);
  }

  @Test
  void anotherOperationThanBeforeIsToldFromItsOwnFirstEventOn() {
    setUp(BROKEN, progress("a", 1), progress("a", 2));
    setUp(LOST);
    setUp(null, progress("b", 1), result("b", 2));
    assertEquals(List.of("a 1", "a 2", "b 1", "of b"), told());
  }

  @Test
  void whatAServerThatGoesHasCancelledIsTakenUpAgain() {
    setUp(Status.CANCELLED.asException(), progress("a", 1));
    setUp(null, progress("a", 2), result("a", 3));
    assertEquals(List.of("a 1", "a 2", "of a"), told());
    assertEquals(List.of("", "a 1"), asked);
  }

  @Test
  void whatIsOnlyValidatedEndsWithoutAResult() {
    setUp(null);
    assertNull(agent.setUp(SetupNetworkRequest.newBuilder().setVmId("vm-1").setValidateOnly(true).build()).run());
  }

  @Test
  void anEventOfAKindThatIsNotKnownIsSkipped() {
    var unknown = SetupNetworkResponse.newBuilder().setUid("a").setSequence(1).build();
    setUp(null, unknown, progress("a", 2), result("a", 3));
    assertEquals(List.of("a 2", "of a"), told());
  }

  @Test
  void whatBreaksAfterTheResultMattersToNobody() {
    setUp(BROKEN, result("a", 1));
    assertEquals(List.of("of a"), told());
  }

  @Test
  void anAgentThatDrainsIsCalledAgain() {
    setUp(refused(Status.Code.UNAVAILABLE, "AGENT_NOT_READY"));
    setUp(null, result("a", 1));
    assertEquals(List.of("of a"), told());
  }

  @ParameterizedTest
  @CsvSource({
    "UNAVAILABLE, CNI_TRY_AGAIN_LATER, ERROR_REASON_CNI_TRY_AGAIN_LATER",
    "ALREADY_EXISTS, SPEC_CONFLICT, ERROR_REASON_SPEC_CONFLICT",
    "UNAVAILABLE, FROM_THE_FUTURE, ERROR_REASON_UNSPECIFIED"
  })
  void anOperationThatEndedInAnErrorIsNotCalledAgain(Status.Code code, String name, ErrorReason reason) {
    setUp(refused(code, name), progress("a", 1));
    var error = assertThrows(VmplumbException.class, this::told);
    assertEquals(List.of(code, name, reason), List.of(error.code, error.reasonName, error.reason));
    assertEquals(java.time.Duration.ofMillis(3), error.retryAfter.orElseThrow());
    assertEquals(List.of(""), asked);
  }

  @Test
  void aStreamThatEndsWellWithoutAResultIsAnErrorAndNotCalledAgain() {
    setUp(null, progress("a", 1));
    assertEquals(Status.Code.INTERNAL, assertThrows(VmplumbException.class, this::told).code);
    assertEquals(List.of(""), asked);
  }

  private static WatchNetworksResponse record(String vm, long revision) {
    var network = VMNetwork.newBuilder().setVmId(vm).setUid("u").setRevision(revision).setPhase(Phase.PHASE_READY);
    return WatchNetworksResponse.newBuilder().setRevision(revision).setNetwork(network).build();
  }

  private static WatchNetworksResponse bookmark(long revision) {
    var here = WatchBookmark.getDefaultInstance();
    return WatchNetworksResponse.newBuilder().setRevision(revision).setBookmark(here).build();
  }

  @Test
  void aWatchWhosePositionIsLostGoesOnWithASnapshotAndTellsWhatWentMeanwhile() {
    watch(BROKEN, record("a", 1), record("b", 2), bookmark(2), record("c", 3));
    watch(LOST);
    watch(null, record("b", 2), record("c", 9), bookmark(9)); // ends well, which only a caller may do
    watch(null, record("b", 10));
    List<String> words = new ArrayList<>();
    var watch = agent.watch().until(event -> event.revision() == 10);
    watch.on(
        event -> {
          String what = event.network().map(one -> one.getVmId() + " " + one.getPhase().name()).orElse("bookmark");
          words.add(what.replace("PHASE_", "") + " " + event.revision());
        });
    watch.run();
    String expected =
        "a READY 1, b READY 2, bookmark 2, c READY 3, c READY 9, a REMOVED 9, bookmark 9, b READY 10";
    assertEquals(Arrays.asList(expected.split(", ")), words);
    assertEquals(List.of("", "3", "", "9"), asked);
  }
}
