package io.github.vmplumb;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How long a client tries on while no agent answers. The wait doubles with each try, with jitter.
 *
 * @param attempts tries in a row without an answer, the first included; 1 means never again
 * @param first before the second try
 * @param most between two tries at most
 */
public record Retry(int attempts, Duration first, Duration most) {
  public static final Retry DEFAULT = new Retry(6, Duration.ofMillis(100), Duration.ofSeconds(5));

  /** Wait before the next try. Throws the error if there is to be none: an operation that ended has ended. */
  void pause(VmplumbException error, int failures, ManagedChannel channel, Deadline deadline) {
    boolean here = channel.isShutdown() || Context.current().isCancelled() || Thread.currentThread().isInterrupted();
    // A server that goes cancels what it could not answer any more.
    if (here || !(error.unreachable() || error.code == Status.Code.CANCELLED) || failures >= attempts) {
      throw error;
    }
    double whole = Math.min(most.toMillis(), first.toMillis() * Math.pow(2, failures - 1));
    double wait = whole * (0.5 + ThreadLocalRandom.current().nextDouble() / 2);
    wait = Math.min(most.toMillis(), Math.max(wait, error.retryAfter.map(Duration::toMillis).orElse(0L)));
    try {
      long left = deadline == null ? Long.MAX_VALUE : Math.max(0, deadline.timeRemaining(MILLISECONDS));
      Thread.sleep((long) Math.min(wait, left));
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new VmplumbException(Status.CANCELLED.withDescription("interrupted").withCause(interrupt).asException());
    }
    channel.resetConnectBackoff(); // gRPC would sit out a back-off of its own, a second and more
  }
}
