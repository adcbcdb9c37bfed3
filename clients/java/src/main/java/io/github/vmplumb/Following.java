package io.github.vmplumb;

import com.google.protobuf.Timestamp;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.Progress;
import io.github.vmplumb.v1.ResumePosition;
import io.github.vmplumb.v1.SetupNetworkRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import java.time.Instant;
import java.util.function.Function;

/** One set-up or teardown. */
final class Following<Q, A, R> extends Call<ProgressEvent, R> {
  /** What both kinds of answers say; without progress or a result those are null. */
  record Told<R>(String uid, long sequence, Timestamp time, boolean replayed, Progress progress, R result) {}

  /** How it is said: `on` makes the request of a stream that goes on at a position. */
  record How<Q, A, R>(MethodDescriptor<Q, A> rpc, Q asked, Function<ResumePosition, Q> on, Function<A, Told<R>> read) {}

  private final How<Q, A, R> how;
  private ResumePosition position = ResumePosition.getDefaultInstance();
  private boolean resume;

  Following(ManagedChannel channel, Retry retry, How<Q, A, R> how) {
    super(channel, retry, Status.INTERNAL.withDescription("the stream ended well but without a result"));
    this.how = how;
  }

  @Override
  boolean stream(Channel channel, CallOptions options) {
    Q request = resume ? how.on.apply(position) : how.asked;
    var answers = ClientCalls.blockingServerStreamingCall(channel, how.rpc, options, request);
    while (answers.hasNext()) {
      Told<R> told = how.read.apply(answers.next());
      result = told.result;
      // Of another operation, if the uid is: the one before has ended, and what it did is undone or forgotten.
      if (!told.uid.equals(position.getUid()) || told.sequence > position.getSequence()) {
        position = ResumePosition.newBuilder().setUid(told.uid).setSequence(told.sequence).build();
        var time = Instant.ofEpochSecond(told.time.getSeconds(), told.time.getNanos());
        var event = new ProgressEvent(told.uid, told.sequence, time, told.replayed, told.progress);
        if (told.progress != null && tell(event)) {
          return true;
        }
      }
    }
    // What is only validated ends well without an event.
    return how.asked instanceof SetupNetworkRequest setUp && setUp.getValidateOnly();
  }

  @Override
  boolean forget(VmplumbException error) {
    boolean lost = resume && error.reason == ErrorReason.ERROR_REASON_RESUME_POSITION_LOST;
    resume = !lost && !position.getUid().isEmpty(); // which is kept, so that a replay is known for one
    return lost;
  }
}
