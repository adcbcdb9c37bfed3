package io.github.vmplumb;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * A set-up, a teardown or a watch that is to be called, once, over as many streams as it takes.
 *
 * <p>The end of the call, by a time-out, an interrupt or a cancelled future, does not end the operation: the same call
 * attaches to it.
 *
 * @param <E> what is told on the way: ProgressEvent or WatchEvent
 * @param <R> what comes out: SetupResult, TeardownResult, or Void
 */
public abstract sealed class Call<E, R> permits Following, Watching {
  private final ManagedChannel channel;
  private final Retry retry;
  private final Status cutShort;
  private Consumer<E> callback = event -> {};
  private Predicate<E> last = event -> false;
  private Deadline deadline;
  private int failures;
  R result;

  /** `cutShort`: what it means that a stream ends well, without a result. */
  Call(ManagedChannel channel, Retry retry, Status cutShort) {
    this.channel = channel;
    this.retry = retry;
    this.cutShort = cutShort;
  }

  /** Called once for an event, over every broken stream, on the thread of the call, which ends with what it throws. */
  public Call<E, R> on(Consumer<E> listener) {
    callback = callback.andThen(listener);
    return this;
  }

  /** The call ends, without a result, after an event of which this holds. */
  public Call<E, R> until(Predicate<E> holds) {
    last = last.or(holds);
    return this;
  }

  /** Bounds the whole call, every try included, from now on. */
  public Call<E, R> timeout(Duration bound) {
    deadline = Deadline.after(bound.toNanos(), TimeUnit.NANOSECONDS);
    return this;
  }

  /** Call on a thread of its own. The future fails with VmplumbException; to cancel it ends the call. */
  public CompletableFuture<R> start() {
    Context.CancellableContext context = Context.current().withCancellation();
    var outcome = CompletableFuture.supplyAsync(this::run, task -> new Thread(context.wrap(task), "vmplumb").start());
    outcome.whenComplete((result, error) -> context.cancel(null));
    return outcome;
  }

  /** Call, and wait for the result: of a watch, and after `until`, it is null. Throws VmplumbException. */
  public R run() {
    do {
      Context.CancellableContext context = Context.current().withCancellation();
      Context outer = context.attach();
      try {
        if (stream(channel, CallOptions.DEFAULT.withDeadline(deadline))) {
          return null;
        } else if (result == null) {
          throw cutShort.asRuntimeException();
        }
      } catch (StatusRuntimeException status) {
        VmplumbException error = new VmplumbException(status); // after the result it matters to nobody
        if (result == null && !forget(error)) {
          retry.pause(error, ++failures, channel, deadline);
        }
      } finally {
        context.detach(outer);
        context.cancel(null);
      }
    } while (result == null);
    return result;
  }

  /** Open the next stream and tell what is new, to its end or until the caller has enough: then it is true. */
  abstract boolean stream(Channel channel, CallOptions options);

  /** Whether a position was lost that can be done without: then the next stream is opened without it, at once. */
  abstract boolean forget(VmplumbException error);

  /** Tell the caller; true if it has enough. */
  final boolean tell(E event) {
    failures = 0;
    callback.accept(event);
    return last.test(event);
  }
}
