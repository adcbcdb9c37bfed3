package io.github.vmplumb;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.Failure;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A call that did not end well. Every error that an agent or gRPC can cause is one.
 *
 * <p>Nothing is decided by a message: the reason is google.rpc.ErrorInfo's, in the domain "vmplumb.v1". A status
 * without it was made by gRPC itself, on this side or on the way, and says nothing about the operation.
 */
public final class VmplumbException extends RuntimeException {
  /** The gRPC code. */
  public final transient Status.Code code;

  /** The contract's reason; unspecified if gRPC itself made the error, or if this package is older than the reason. */
  public final transient ErrorReason reason;

  /** The reason as on the wire ("SPEC_CONFLICT"); empty if gRPC itself made the error. */
  public final transient String reasonName;

  /** The VM it is about; empty if it is about none. */
  public final transient String vmId;

  /** What else the agent said; "limit" names the limit of LIMIT_EXCEEDED. */
  public final transient Map<String, String> metadata;

  /** The whole of it, as the agent stores it: plugin, kernel, leftovers, hint. */
  public final transient Optional<Failure> failure;

  /** Every rule the request violates. */
  public final transient List<Violation> violations;

  /** After what time the agent suggests another try. */
  public final transient Optional<Duration> retryAfter;

  /** What a status of gRPC, as an exception, stands for. */
  VmplumbException(Throwable status) {
    super((info(status).getReason() + " " + status.getMessage()).strip(), status);
    code = Status.fromThrowable(status).getCode();
    reasonName = info(status).getReason();
    var known = ErrorReason.getDescriptor().findValueByName("ERROR_REASON_" + reasonName);
    reason = known == null ? ErrorReason.ERROR_REASON_UNSPECIFIED : ErrorReason.valueOf(known);
    metadata = info(status).getMetadataMap();
    vmId = metadata.getOrDefault("vm_id", "");
    failure = find(status, Failure.class);
    var bad = find(status, BadRequest.class).map(BadRequest::getFieldViolationsList).orElse(List.of());
    violations = bad.stream().map(it -> new Violation(it.getField(), it.getReason(), it.getDescription())).toList();
    var delay = find(status, RetryInfo.class).map(RetryInfo::getRetryDelay);
    retryAfter = delay.map(it -> Duration.ofSeconds(it.getSeconds(), it.getNanos()));
  }

  /** Whether the same call may succeed later without a change by anyone. */
  public boolean retryable() {
    return failure.map(Failure::getRetryable).orElse(code == Status.Code.UNAVAILABLE);
  }

  /** Whether nobody was there to answer: a broken connection, an agent that starts or drains. */
  public boolean unreachable() {
    // A connection that breaks while a call is begun is UNKNOWN to Netty's transport.
    boolean broken = code == Status.Code.UNAVAILABLE || Status.fromThrowable(this).getCause() instanceof IOException;
    return reasonName.isEmpty() ? broken : reason == ErrorReason.ERROR_REASON_AGENT_NOT_READY;
  }

  private static ErrorInfo info(Throwable status) {
    var info = find(status, ErrorInfo.class).filter(one -> one.getDomain().equals("vmplumb.v1"));
    return info.orElse(ErrorInfo.getDefaultInstance());
  }

  private static <M extends Message> Optional<M> find(Throwable status, Class<M> type) {
    try {
      var details = StatusProto.fromThrowable(status).getDetailsList();
      Optional<Any> packed = details.stream().filter(one -> one.is(type)).findFirst();
      return packed.isPresent() ? Optional.of(packed.get().unpack(type)) : Optional.empty();
    } catch (IllegalArgumentException | InvalidProtocolBufferException unreadable) {
      return Optional.empty(); // which leaves code and message
    }
  }
}
