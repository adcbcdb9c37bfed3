package io.github.vmplumb.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * NetworkAgentService prepares the networks of Firecracker microVMs on the host
 * the agent runs on.
 * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
 * Rules for every RPC
 *  1. A server MUST check every protovalidate rule of this package before it
 *     does anything else, and MUST NOT have a side effect if one is violated.
 *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
 *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
 *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
 *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
 *     know.
 *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
 *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
 *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
 *     google.rpc.BadRequest: field path, rule id and message of each violation.
 *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
 *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
 *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
 *     for headers is 8 KiB. What does not fit is cut: the last violation then
 *     has the reason "truncated" and says how many more there are, the standard
 *     error of a plugin keeps its last 1 KiB. The record has all of it.
 *     [REQ-RULE-007]
 *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
 *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
 *     TeardownNetwork. [REQ-RULE-009]
 *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
 *  7. A path in a request is compared with the operator's lists after its links
 *     and ".." are resolved. [REQ-RULE-011]
 *  8. Where the server knows callers by identity, a caller sees and touches
 *     only the networks it made itself, unless it is an administrator:
 *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
 *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
 *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
 *     other's spec and phase are. [REQ-RULE-013]
 *  9. Errors of every RPC, in addition to its own table:
 *     | condition                          | code               | reason          | caller                   | requirement  |
 *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
 *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
 *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
 *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
 *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
 *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
 *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
 *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
 *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
 *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class NetworkAgentServiceGrpc {

  private NetworkAgentServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "vmplumb.v1.NetworkAgentService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.SetupNetworkRequest,
      io.github.vmplumb.v1.SetupNetworkResponse> getSetupNetworkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SetupNetwork",
      requestType = io.github.vmplumb.v1.SetupNetworkRequest.class,
      responseType = io.github.vmplumb.v1.SetupNetworkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.SetupNetworkRequest,
      io.github.vmplumb.v1.SetupNetworkResponse> getSetupNetworkMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.SetupNetworkRequest, io.github.vmplumb.v1.SetupNetworkResponse> getSetupNetworkMethod;
    if ((getSetupNetworkMethod = NetworkAgentServiceGrpc.getSetupNetworkMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getSetupNetworkMethod = NetworkAgentServiceGrpc.getSetupNetworkMethod) == null) {
          NetworkAgentServiceGrpc.getSetupNetworkMethod = getSetupNetworkMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.SetupNetworkRequest, io.github.vmplumb.v1.SetupNetworkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SetupNetwork"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.SetupNetworkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.SetupNetworkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("SetupNetwork"))
              .build();
        }
      }
    }
    return getSetupNetworkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.TeardownNetworkRequest,
      io.github.vmplumb.v1.TeardownNetworkResponse> getTeardownNetworkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "TeardownNetwork",
      requestType = io.github.vmplumb.v1.TeardownNetworkRequest.class,
      responseType = io.github.vmplumb.v1.TeardownNetworkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.TeardownNetworkRequest,
      io.github.vmplumb.v1.TeardownNetworkResponse> getTeardownNetworkMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.TeardownNetworkRequest, io.github.vmplumb.v1.TeardownNetworkResponse> getTeardownNetworkMethod;
    if ((getTeardownNetworkMethod = NetworkAgentServiceGrpc.getTeardownNetworkMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getTeardownNetworkMethod = NetworkAgentServiceGrpc.getTeardownNetworkMethod) == null) {
          NetworkAgentServiceGrpc.getTeardownNetworkMethod = getTeardownNetworkMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.TeardownNetworkRequest, io.github.vmplumb.v1.TeardownNetworkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "TeardownNetwork"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.TeardownNetworkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.TeardownNetworkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("TeardownNetwork"))
              .build();
        }
      }
    }
    return getTeardownNetworkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetNetworkRequest,
      io.github.vmplumb.v1.GetNetworkResponse> getGetNetworkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetNetwork",
      requestType = io.github.vmplumb.v1.GetNetworkRequest.class,
      responseType = io.github.vmplumb.v1.GetNetworkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetNetworkRequest,
      io.github.vmplumb.v1.GetNetworkResponse> getGetNetworkMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetNetworkRequest, io.github.vmplumb.v1.GetNetworkResponse> getGetNetworkMethod;
    if ((getGetNetworkMethod = NetworkAgentServiceGrpc.getGetNetworkMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getGetNetworkMethod = NetworkAgentServiceGrpc.getGetNetworkMethod) == null) {
          NetworkAgentServiceGrpc.getGetNetworkMethod = getGetNetworkMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.GetNetworkRequest, io.github.vmplumb.v1.GetNetworkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetNetwork"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.GetNetworkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.GetNetworkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("GetNetwork"))
              .build();
        }
      }
    }
    return getGetNetworkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.ListNetworksRequest,
      io.github.vmplumb.v1.ListNetworksResponse> getListNetworksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListNetworks",
      requestType = io.github.vmplumb.v1.ListNetworksRequest.class,
      responseType = io.github.vmplumb.v1.ListNetworksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.ListNetworksRequest,
      io.github.vmplumb.v1.ListNetworksResponse> getListNetworksMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.ListNetworksRequest, io.github.vmplumb.v1.ListNetworksResponse> getListNetworksMethod;
    if ((getListNetworksMethod = NetworkAgentServiceGrpc.getListNetworksMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getListNetworksMethod = NetworkAgentServiceGrpc.getListNetworksMethod) == null) {
          NetworkAgentServiceGrpc.getListNetworksMethod = getListNetworksMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.ListNetworksRequest, io.github.vmplumb.v1.ListNetworksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListNetworks"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.ListNetworksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.ListNetworksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("ListNetworks"))
              .build();
        }
      }
    }
    return getListNetworksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.WatchNetworksRequest,
      io.github.vmplumb.v1.WatchNetworksResponse> getWatchNetworksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchNetworks",
      requestType = io.github.vmplumb.v1.WatchNetworksRequest.class,
      responseType = io.github.vmplumb.v1.WatchNetworksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.WatchNetworksRequest,
      io.github.vmplumb.v1.WatchNetworksResponse> getWatchNetworksMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.WatchNetworksRequest, io.github.vmplumb.v1.WatchNetworksResponse> getWatchNetworksMethod;
    if ((getWatchNetworksMethod = NetworkAgentServiceGrpc.getWatchNetworksMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getWatchNetworksMethod = NetworkAgentServiceGrpc.getWatchNetworksMethod) == null) {
          NetworkAgentServiceGrpc.getWatchNetworksMethod = getWatchNetworksMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.WatchNetworksRequest, io.github.vmplumb.v1.WatchNetworksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchNetworks"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.WatchNetworksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.WatchNetworksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("WatchNetworks"))
              .build();
        }
      }
    }
    return getWatchNetworksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.CheckNetworkRequest,
      io.github.vmplumb.v1.CheckNetworkResponse> getCheckNetworkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CheckNetwork",
      requestType = io.github.vmplumb.v1.CheckNetworkRequest.class,
      responseType = io.github.vmplumb.v1.CheckNetworkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.CheckNetworkRequest,
      io.github.vmplumb.v1.CheckNetworkResponse> getCheckNetworkMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.CheckNetworkRequest, io.github.vmplumb.v1.CheckNetworkResponse> getCheckNetworkMethod;
    if ((getCheckNetworkMethod = NetworkAgentServiceGrpc.getCheckNetworkMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getCheckNetworkMethod = NetworkAgentServiceGrpc.getCheckNetworkMethod) == null) {
          NetworkAgentServiceGrpc.getCheckNetworkMethod = getCheckNetworkMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.CheckNetworkRequest, io.github.vmplumb.v1.CheckNetworkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CheckNetwork"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CheckNetworkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CheckNetworkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("CheckNetwork"))
              .build();
        }
      }
    }
    return getCheckNetworkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.DescribeNetworkRequest,
      io.github.vmplumb.v1.DescribeNetworkResponse> getDescribeNetworkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DescribeNetwork",
      requestType = io.github.vmplumb.v1.DescribeNetworkRequest.class,
      responseType = io.github.vmplumb.v1.DescribeNetworkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.DescribeNetworkRequest,
      io.github.vmplumb.v1.DescribeNetworkResponse> getDescribeNetworkMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.DescribeNetworkRequest, io.github.vmplumb.v1.DescribeNetworkResponse> getDescribeNetworkMethod;
    if ((getDescribeNetworkMethod = NetworkAgentServiceGrpc.getDescribeNetworkMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getDescribeNetworkMethod = NetworkAgentServiceGrpc.getDescribeNetworkMethod) == null) {
          NetworkAgentServiceGrpc.getDescribeNetworkMethod = getDescribeNetworkMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.DescribeNetworkRequest, io.github.vmplumb.v1.DescribeNetworkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DescribeNetwork"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.DescribeNetworkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.DescribeNetworkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("DescribeNetwork"))
              .build();
        }
      }
    }
    return getDescribeNetworkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.CollectGarbageRequest,
      io.github.vmplumb.v1.CollectGarbageResponse> getCollectGarbageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CollectGarbage",
      requestType = io.github.vmplumb.v1.CollectGarbageRequest.class,
      responseType = io.github.vmplumb.v1.CollectGarbageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.CollectGarbageRequest,
      io.github.vmplumb.v1.CollectGarbageResponse> getCollectGarbageMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.CollectGarbageRequest, io.github.vmplumb.v1.CollectGarbageResponse> getCollectGarbageMethod;
    if ((getCollectGarbageMethod = NetworkAgentServiceGrpc.getCollectGarbageMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getCollectGarbageMethod = NetworkAgentServiceGrpc.getCollectGarbageMethod) == null) {
          NetworkAgentServiceGrpc.getCollectGarbageMethod = getCollectGarbageMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.CollectGarbageRequest, io.github.vmplumb.v1.CollectGarbageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CollectGarbage"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CollectGarbageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CollectGarbageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("CollectGarbage"))
              .build();
        }
      }
    }
    return getCollectGarbageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.DiagnoseHostRequest,
      io.github.vmplumb.v1.DiagnoseHostResponse> getDiagnoseHostMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DiagnoseHost",
      requestType = io.github.vmplumb.v1.DiagnoseHostRequest.class,
      responseType = io.github.vmplumb.v1.DiagnoseHostResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.DiagnoseHostRequest,
      io.github.vmplumb.v1.DiagnoseHostResponse> getDiagnoseHostMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.DiagnoseHostRequest, io.github.vmplumb.v1.DiagnoseHostResponse> getDiagnoseHostMethod;
    if ((getDiagnoseHostMethod = NetworkAgentServiceGrpc.getDiagnoseHostMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getDiagnoseHostMethod = NetworkAgentServiceGrpc.getDiagnoseHostMethod) == null) {
          NetworkAgentServiceGrpc.getDiagnoseHostMethod = getDiagnoseHostMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.DiagnoseHostRequest, io.github.vmplumb.v1.DiagnoseHostResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DiagnoseHost"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.DiagnoseHostRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.DiagnoseHostResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("DiagnoseHost"))
              .build();
        }
      }
    }
    return getDiagnoseHostMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.CordonHostRequest,
      io.github.vmplumb.v1.CordonHostResponse> getCordonHostMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CordonHost",
      requestType = io.github.vmplumb.v1.CordonHostRequest.class,
      responseType = io.github.vmplumb.v1.CordonHostResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.CordonHostRequest,
      io.github.vmplumb.v1.CordonHostResponse> getCordonHostMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.CordonHostRequest, io.github.vmplumb.v1.CordonHostResponse> getCordonHostMethod;
    if ((getCordonHostMethod = NetworkAgentServiceGrpc.getCordonHostMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getCordonHostMethod = NetworkAgentServiceGrpc.getCordonHostMethod) == null) {
          NetworkAgentServiceGrpc.getCordonHostMethod = getCordonHostMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.CordonHostRequest, io.github.vmplumb.v1.CordonHostResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CordonHost"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CordonHostRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.CordonHostResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("CordonHost"))
              .build();
        }
      }
    }
    return getCordonHostMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetStatusRequest,
      io.github.vmplumb.v1.GetStatusResponse> getGetStatusMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetStatus",
      requestType = io.github.vmplumb.v1.GetStatusRequest.class,
      responseType = io.github.vmplumb.v1.GetStatusResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetStatusRequest,
      io.github.vmplumb.v1.GetStatusResponse> getGetStatusMethod() {
    io.grpc.MethodDescriptor<io.github.vmplumb.v1.GetStatusRequest, io.github.vmplumb.v1.GetStatusResponse> getGetStatusMethod;
    if ((getGetStatusMethod = NetworkAgentServiceGrpc.getGetStatusMethod) == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        if ((getGetStatusMethod = NetworkAgentServiceGrpc.getGetStatusMethod) == null) {
          NetworkAgentServiceGrpc.getGetStatusMethod = getGetStatusMethod =
              io.grpc.MethodDescriptor.<io.github.vmplumb.v1.GetStatusRequest, io.github.vmplumb.v1.GetStatusResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetStatus"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.GetStatusRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.vmplumb.v1.GetStatusResponse.getDefaultInstance()))
              .setSchemaDescriptor(new NetworkAgentServiceMethodDescriptorSupplier("GetStatus"))
              .build();
        }
      }
    }
    return getGetStatusMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static NetworkAgentServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceStub>() {
        @java.lang.Override
        public NetworkAgentServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new NetworkAgentServiceStub(channel, callOptions);
        }
      };
    return NetworkAgentServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static NetworkAgentServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceBlockingV2Stub>() {
        @java.lang.Override
        public NetworkAgentServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new NetworkAgentServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return NetworkAgentServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static NetworkAgentServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceBlockingStub>() {
        @java.lang.Override
        public NetworkAgentServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new NetworkAgentServiceBlockingStub(channel, callOptions);
        }
      };
    return NetworkAgentServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static NetworkAgentServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<NetworkAgentServiceFutureStub>() {
        @java.lang.Override
        public NetworkAgentServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new NetworkAgentServiceFutureStub(channel, callOptions);
        }
      };
    return NetworkAgentServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * SetupNetwork makes (or finds) the network of a VM and streams what happens.
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-SETUP-001] `sequence`
     * starts at 1 for a `uid` and increases by 1; [REQ-SETUP-002] to a reader
     * that lags, a server MAY skip `progress` events, never `result`.
     * [REQ-SETUP-003]
     * Idempotency, by vm_id:
     *     | record       | same spec                               | other spec     | requirement   |
     *     |--------------|-----------------------------------------|----------------|---------------|
     *     | none         | begins                                  | begins         | REQ-SETUP-010 |
     *     | SETTING_UP   | attaches: replays all events, then live | ALREADY_EXISTS | REQ-SETUP-011 |
     *     | READY        | OK: replays; no plugin is invoked       | ALREADY_EXISTS | REQ-SETUP-012 |
     *     | FAILED       | undoes the rest, begins under a new uid | the same       | REQ-SETUP-013 |
     *     | TEARING_DOWN | ABORTED                                 | ABORTED        | REQ-SETUP-014 |
     * FAILED: what is left of the old record is undone first, from the old
     * record's own data. [REQ-SETUP-015] If that fails and the new spec has
     * `force`, the failing DELs are told as warnings and kept as leftovers;
     * [REQ-SETUP-016] without `force` the answer is CNI_DEL_FAILED and the old
     * record stays. [REQ-SETUP-017] So a caller may repeat a call with `force`
     * added after a failure, and only then.
     * Resumption: with `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent, and nothing ever begins: [REQ-SETUP-018] a uid that
     * is still held gets the rest and then its result or its stored failure,
     * [REQ-SETUP-019] any other RESUME_POSITION_LOST.
     * Errors:
     *     | condition                               | code                | reason                 | caller                                 | requirement   |
     *     |-----------------------------------------|---------------------|------------------------|----------------------------------------|---------------|
     *     | vm_id exists with another spec or owner | ALREADY_EXISTS      | SPEC_CONFLICT          | MUST tear down first or use another id | REQ-SETUP-101 |
     *     | teardown of vm_id is running            | ABORTED             | OPERATION_PENDING      | MAY retry after RetryInfo              | REQ-SETUP-102 |
     *     | set-up was ended by TeardownNetwork     | ABORTED             | TORN_DOWN              | MUST NOT retry blindly                 | REQ-SETUP-103 |
     *     | a path is not allowed                   | PERMISSION_DENIED   | PATH_NOT_ALLOWED       | MUST fix the request                   | REQ-SETUP-104 |
     *     | json is no conflist, or views disagree  | INVALID_ARGUMENT    | CONFIG_LIST_MISMATCH   | MUST fix the request                   | REQ-SETUP-105 |
     *     | network_name not found                  | FAILED_PRECONDITION | CNI_NETWORK_NOT_FOUND  | operator installs it, then MAY retry   | REQ-SETUP-106 |
     *     | plugin missing or too old               | FAILED_PRECONDITION | CNI_PLUGIN_UNAVAILABLE | operator installs it, then MAY retry   | REQ-SETUP-107 |
     *     | host or agent cannot do it              | FAILED_PRECONDITION | UNSUPPORTED            | MUST fix the host or the request       | REQ-SETUP-108 |
     *     | netns_path is not a namespace           | FAILED_PRECONDITION | NOT_A_NETNS            | MUST fix the host or the request       | REQ-SETUP-109 |
     *     | namespace set-up failed                 | INTERNAL            | NETNS_SETUP_FAILED     | MAY retry with back-off                | REQ-SETUP-110 |
     *     | DEL before ADD failed, not `force`      | INTERNAL            | CNI_DEL_FAILED         | operator looks; or retry with `force`  | REQ-SETUP-111 |
     *     | CNI ADD failed for good                 | INTERNAL            | CNI_ADD_FAILED         | MAY retry with back-off                | REQ-SETUP-112 |
     *     | CNI error 11 outlasted the retries      | UNAVAILABLE         | CNI_TRY_AGAIN_LATER    | MAY retry after RetryInfo              | REQ-SETUP-113 |
     *     | no address is left in the network       | RESOURCE_EXHAUSTED  | ADDRESSES_EXHAUSTED    | SHOULD choose another host             | REQ-SETUP-114 |
     *     | result unusable for the VM              | INTERNAL            | CNI_RESULT_UNUSABLE    | MUST fix the CNI configuration         | REQ-SETUP-115 |
     *     | the kernel refused outside a plugin     | INTERNAL            | KERNEL_FAULT           | MAY retry with back-off                | REQ-SETUP-116 |
     *     | operation_timeout ran out               | DEADLINE_EXCEEDED   | OPERATION_TIMEOUT      | MAY retry                              | REQ-SETUP-117 |
     *     | resume.uid or sequence is not held      | OUT_OF_RANGE        | RESUME_POSITION_LOST   | MUST call again without `resume`       | REQ-SETUP-118 |
     *     | too many operations                     | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS    | MAY retry with back-off                | REQ-SETUP-119 |
     *     | max_networks networks are held          | RESOURCE_EXHAUSTED  | TOO_MANY_NETWORKS      | SHOULD choose another host             | REQ-SETUP-120 |
     *     | a limit of the host's kernel is reached | RESOURCE_EXHAUSTED  | HOST_LIMIT_REACHED     | SHOULD choose another host             | REQ-SETUP-121 |
     * A DEADLINE_EXCEEDED or CANCELLED without ErrorInfo was made by the caller's
     * own gRPC library and says nothing about the operation. [REQ-SETUP-020]
     * </pre>
     */
    default void setupNetwork(io.github.vmplumb.v1.SetupNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.SetupNetworkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSetupNetworkMethod(), responseObserver);
    }

    /**
     * <pre>
     * TeardownNetwork removes the network of a VM and streams what happens: it
     * ends a running set-up, cuts the VM off, invokes CNI DEL on the whole list,
     * unlinks the namespace if the agent made it, forgets the record.
     * [REQ-TEARDOWN-001]
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-TEARDOWN-002] A vm_id
     * which is not known is OK with existed = false, so that a caller can always
     * repeat the call. [REQ-TEARDOWN-003]
     * The result says that the network is gone: the VM is cut off (host device
     * down, its routes removed), DEL of the whole list is done, the namespace is
     * unlinked. [REQ-TEARDOWN-004] The kernel may take some milliseconds more to
     * destroy the devices, and an address is free for another VM once its device
     * has been seen to go; wait_for_devices waits for that. [REQ-TEARDOWN-005] In
     * a namespace that was there before set-up, the devices are always gone
     * before the result. [REQ-TEARDOWN-006] A process that still lives in the
     * namespace or holds the tap device keeps the devices in being: the teardown
     * is done all the same, and where wait_for_devices waited in vain the result
     * names it in `holders`. [REQ-TEARDOWN-007]
     * A call while a teardown runs attaches to it: replays its events, then live;
     * [REQ-TEARDOWN-008] its own `force` and operation_timeout count for nothing.
     * [REQ-TEARDOWN-009] With `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent and nothing ever begins. [REQ-TEARDOWN-010] Needs
     * nothing but the record: no namespace, configuration file or CNI cache has
     * to be there still. [REQ-TEARDOWN-011]
     * Errors:
     *     | condition                       | code               | reason               | caller                                    | requirement      |
     *     |---------------------------------|--------------------|----------------------|-------------------------------------------|------------------|
     *     | uid does not match              | ABORTED            | UID_MISMATCH         | MUST read the record again                | REQ-TEARDOWN-101 |
     *     | CNI DEL failed, not `force`     | INTERNAL           | CNI_DEL_FAILED       | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-102 |
     *     | CNI error 11 outlasted retries  | UNAVAILABLE        | CNI_TRY_AGAIN_LATER  | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-103 |
     *     | the kernel refused              | INTERNAL           | KERNEL_FAULT         | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-104 |
     *     | operation_timeout ran out       | DEADLINE_EXCEEDED  | OPERATION_TIMEOUT    | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-105 |
     *     | resume.uid or sequence not held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST call again without `resume`          | REQ-TEARDOWN-106 |
     *     | too many operations             | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                   | REQ-TEARDOWN-107 |
     * </pre>
     */
    default void teardownNetwork(io.github.vmplumb.v1.TeardownNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.TeardownNetworkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getTeardownNetworkMethod(), responseObserver);
    }

    /**
     * <pre>
     * GetNetwork reads one record. [REQ-GET-001]
     * Errors:
     *     | condition     | code      | reason       | caller         | requirement |
     *     |---------------|-----------|--------------|----------------|-------------|
     *     | no such vm_id | NOT_FOUND | VM_NOT_FOUND | MUST NOT retry | REQ-GET-101 |
     * </pre>
     */
    default void getNetwork(io.github.vmplumb.v1.GetNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetNetworkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetNetworkMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListNetworks reads records in the order of vm_id (byte order), page by
     * page. [REQ-LIST-001] A page may be shorter than page_size; the end is an
     * empty next_page_token and nothing else. [REQ-LIST-002] A server MUST keep a
     * page below 4 MiB, the default receive limit of gRPC, whatever page_size is.
     * [REQ-LIST-003]
     * Errors:
     *     | condition                                            | code             | reason          | caller                      | requirement  |
     *     |------------------------------------------------------|------------------|-----------------|-----------------------------|--------------|
     *     | page_token not of this server, or for another filter | INVALID_ARGUMENT | INVALID_REQUEST | MUST begin again without it | REQ-LIST-101 |
     * </pre>
     */
    default void listNetworks(io.github.vmplumb.v1.ListNetworksRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.ListNetworksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListNetworksMethod(), responseObserver);
    }

    /**
     * <pre>
     * WatchNetworks streams changes of records until the caller ends it. Without
     * after_revision it first sends every record there is, then one `bookmark`,
     * then changes. [REQ-WATCH-001] To a reader that lags, a server MAY send only
     * the newest state of a record; it MUST NOT leave out PHASE_REMOVED.
     * [REQ-WATCH-002]
     * Errors:
     *     | condition                        | code               | reason               | caller                                 | requirement   |
     *     |----------------------------------|--------------------|----------------------|----------------------------------------|---------------|
     *     | after_revision is no longer held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST watch again without it            | REQ-WATCH-101 |
     *     | too many watches                 | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                | REQ-WATCH-102 |
     *     | agent goes away                  | UNAVAILABLE        | AGENT_NOT_READY      | MAY watch again with its last revision | REQ-WATCH-103 |
     * </pre>
     */
    default void watchNetworks(io.github.vmplumb.v1.WatchNetworksRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.WatchNetworksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchNetworksMethod(), responseObserver);
    }

    /**
     * <pre>
     * CheckNetwork invokes CNI CHECK and looks at namespace, tap device, redirect
     * in both directions, addresses and routes. A network which is not as it
     * should be is OK with findings, not an error. [REQ-CHECK-001]
     * Errors:
     *     | condition                      | code                | reason              | caller                    | requirement   |
     *     |--------------------------------|---------------------|---------------------|---------------------------|---------------|
     *     | no such vm_id                  | NOT_FOUND           | VM_NOT_FOUND        | MUST NOT retry            | REQ-CHECK-101 |
     *     | phase is not READY             | FAILED_PRECONDITION | WRONG_PHASE         | MUST set up first         | REQ-CHECK-102 |
     *     | an operation runs on the vm_id | ABORTED             | OPERATION_PENDING   | MAY retry after RetryInfo | REQ-CHECK-103 |
     *     | too many operations            | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS | MAY retry with back-off   | REQ-CHECK-104 |
     * </pre>
     */
    default void checkNetwork(io.github.vmplumb.v1.CheckNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CheckNetworkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCheckNetworkMethod(), responseObserver);
    }

    /**
     * <pre>
     * DescribeNetwork reads one record and shows the devices between the VM and
     * the host as the kernel has them now. [REQ-DESCRIBE-001] What is missing is
     * missing in the answer; [REQ-DESCRIBE-002] CheckNetwork judges.
     * Errors:
     *     | condition           | code               | reason              | caller                  | requirement      |
     *     |---------------------|--------------------|---------------------|-------------------------|------------------|
     *     | no such vm_id       | NOT_FOUND          | VM_NOT_FOUND        | MUST NOT retry          | REQ-DESCRIBE-101 |
     *     | the kernel refused  | INTERNAL           | KERNEL_FAULT        | MAY retry with back-off | REQ-DESCRIBE-102 |
     *     | too many operations | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS | MAY retry with back-off | REQ-DESCRIBE-103 |
     * </pre>
     */
    default void describeNetwork(io.github.vmplumb.v1.DescribeNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DescribeNetworkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDescribeNetworkMethod(), responseObserver);
    }

    /**
     * <pre>
     * CollectGarbage tears down every network whose vm_id is not in valid_vm_ids
     * and whose record is not newer than as_of_revision, [REQ-COLLECT-001] and
     * invokes CNI GC with what remains. Networks with a running operation are
     * never touched. [REQ-COLLECT-002]
     * CNI GC runs only on networks that the operator marks as this agent's own,
     * since GC drops the attachments of every other runtime too.
     * [REQ-COLLECT-003] With collect_leaks, what DiagnoseHost would report with
     * an action is removed as well, after a second look; nothing foreign ever is.
     * Failures per network are in the response. [REQ-COLLECT-004]
     * Errors:
     *     | condition                   | code                | reason            | caller                    | requirement     |
     *     |-----------------------------|---------------------|-------------------|---------------------------|-----------------|
     *     | another collection runs     | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-COLLECT-101 |
     *     | collect_leaks not supported | FAILED_PRECONDITION | UNSUPPORTED       | MUST call without it      | REQ-COLLECT-102 |
     * </pre>
     */
    default void collectGarbage(io.github.vmplumb.v1.CollectGarbageRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CollectGarbageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCollectGarbageMethod(), responseObserver);
    }

    /**
     * <pre>
     * DiagnoseHost compares journal, CNI caches, IPAM reservations and kernel,
     * and names each difference; it also checks what the host must offer. It
     * changes nothing. [REQ-DIAGNOSE-001] There if GetStatus has
     * CAPABILITY_DIAGNOSE_HOST.
     * Errors:
     *     | condition              | code                | reason            | caller                    | requirement      |
     *     |------------------------|---------------------|-------------------|---------------------------|------------------|
     *     | another diagnosis runs | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-DIAGNOSE-101 |
     *     | the kernel refused     | INTERNAL            | KERNEL_FAULT      | MAY retry with back-off   | REQ-DIAGNOSE-102 |
     *     | not supported          | FAILED_PRECONDITION | UNSUPPORTED       | MUST NOT retry            | REQ-DIAGNOSE-103 |
     * </pre>
     */
    default void diagnoseHost(io.github.vmplumb.v1.DiagnoseHostRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DiagnoseHostResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDiagnoseHostMethod(), responseObserver);
    }

    /**
     * <pre>
     * CordonHost lets no new network begin on the host, or lets them begin again.
     * While it is cordoned, SetupNetwork that would begin one answers
     * AGENT_NOT_READY, [REQ-CORDON-001] GetStatus is not ready and says why,
     * [REQ-CORDON-002] and a server that answers gRPC health checks answers those
     * of this service with NOT_SERVING. Networks stay, and every other call is
     * served as ever: a set-up that runs or is done is attached to or replayed.
     * [REQ-CORDON-003] It outlives restarts of the agent. [REQ-CORDON-004] There
     * if GetStatus has CAPABILITY_CORDON.
     * Errors:
     *     | condition                        | code        | reason         | caller                  | requirement    |
     *     |----------------------------------|-------------|----------------|-------------------------|----------------|
     *     | it could not be written down     | UNAVAILABLE | JOURNAL_FAILED | MAY retry with back-off | REQ-CORDON-101 |
     * </pre>
     */
    default void cordonHost(io.github.vmplumb.v1.CordonHostRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CordonHostResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCordonHostMethod(), responseObserver);
    }

    /**
     * <pre>
     * GetStatus tells what the agent is, what it can do, how much of it it does
     * now and whether it can do it. MUST answer even when the agent is not ready.
     * [REQ-STATUS-001]
     * Errors:
     *     | condition                   | code     | reason   | caller                   | requirement    |
     *     |-----------------------------|----------|----------|--------------------------|----------------|
     *     | a fault of the agent itself | INTERNAL | INTERNAL | MAY retry; tell operator | REQ-STATUS-101 |
     * </pre>
     */
    default void getStatus(io.github.vmplumb.v1.GetStatusRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetStatusResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetStatusMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service NetworkAgentService.
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public static abstract class NetworkAgentServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return NetworkAgentServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service NetworkAgentService.
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public static final class NetworkAgentServiceStub
      extends io.grpc.stub.AbstractAsyncStub<NetworkAgentServiceStub> {
    private NetworkAgentServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected NetworkAgentServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new NetworkAgentServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * SetupNetwork makes (or finds) the network of a VM and streams what happens.
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-SETUP-001] `sequence`
     * starts at 1 for a `uid` and increases by 1; [REQ-SETUP-002] to a reader
     * that lags, a server MAY skip `progress` events, never `result`.
     * [REQ-SETUP-003]
     * Idempotency, by vm_id:
     *     | record       | same spec                               | other spec     | requirement   |
     *     |--------------|-----------------------------------------|----------------|---------------|
     *     | none         | begins                                  | begins         | REQ-SETUP-010 |
     *     | SETTING_UP   | attaches: replays all events, then live | ALREADY_EXISTS | REQ-SETUP-011 |
     *     | READY        | OK: replays; no plugin is invoked       | ALREADY_EXISTS | REQ-SETUP-012 |
     *     | FAILED       | undoes the rest, begins under a new uid | the same       | REQ-SETUP-013 |
     *     | TEARING_DOWN | ABORTED                                 | ABORTED        | REQ-SETUP-014 |
     * FAILED: what is left of the old record is undone first, from the old
     * record's own data. [REQ-SETUP-015] If that fails and the new spec has
     * `force`, the failing DELs are told as warnings and kept as leftovers;
     * [REQ-SETUP-016] without `force` the answer is CNI_DEL_FAILED and the old
     * record stays. [REQ-SETUP-017] So a caller may repeat a call with `force`
     * added after a failure, and only then.
     * Resumption: with `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent, and nothing ever begins: [REQ-SETUP-018] a uid that
     * is still held gets the rest and then its result or its stored failure,
     * [REQ-SETUP-019] any other RESUME_POSITION_LOST.
     * Errors:
     *     | condition                               | code                | reason                 | caller                                 | requirement   |
     *     |-----------------------------------------|---------------------|------------------------|----------------------------------------|---------------|
     *     | vm_id exists with another spec or owner | ALREADY_EXISTS      | SPEC_CONFLICT          | MUST tear down first or use another id | REQ-SETUP-101 |
     *     | teardown of vm_id is running            | ABORTED             | OPERATION_PENDING      | MAY retry after RetryInfo              | REQ-SETUP-102 |
     *     | set-up was ended by TeardownNetwork     | ABORTED             | TORN_DOWN              | MUST NOT retry blindly                 | REQ-SETUP-103 |
     *     | a path is not allowed                   | PERMISSION_DENIED   | PATH_NOT_ALLOWED       | MUST fix the request                   | REQ-SETUP-104 |
     *     | json is no conflist, or views disagree  | INVALID_ARGUMENT    | CONFIG_LIST_MISMATCH   | MUST fix the request                   | REQ-SETUP-105 |
     *     | network_name not found                  | FAILED_PRECONDITION | CNI_NETWORK_NOT_FOUND  | operator installs it, then MAY retry   | REQ-SETUP-106 |
     *     | plugin missing or too old               | FAILED_PRECONDITION | CNI_PLUGIN_UNAVAILABLE | operator installs it, then MAY retry   | REQ-SETUP-107 |
     *     | host or agent cannot do it              | FAILED_PRECONDITION | UNSUPPORTED            | MUST fix the host or the request       | REQ-SETUP-108 |
     *     | netns_path is not a namespace           | FAILED_PRECONDITION | NOT_A_NETNS            | MUST fix the host or the request       | REQ-SETUP-109 |
     *     | namespace set-up failed                 | INTERNAL            | NETNS_SETUP_FAILED     | MAY retry with back-off                | REQ-SETUP-110 |
     *     | DEL before ADD failed, not `force`      | INTERNAL            | CNI_DEL_FAILED         | operator looks; or retry with `force`  | REQ-SETUP-111 |
     *     | CNI ADD failed for good                 | INTERNAL            | CNI_ADD_FAILED         | MAY retry with back-off                | REQ-SETUP-112 |
     *     | CNI error 11 outlasted the retries      | UNAVAILABLE         | CNI_TRY_AGAIN_LATER    | MAY retry after RetryInfo              | REQ-SETUP-113 |
     *     | no address is left in the network       | RESOURCE_EXHAUSTED  | ADDRESSES_EXHAUSTED    | SHOULD choose another host             | REQ-SETUP-114 |
     *     | result unusable for the VM              | INTERNAL            | CNI_RESULT_UNUSABLE    | MUST fix the CNI configuration         | REQ-SETUP-115 |
     *     | the kernel refused outside a plugin     | INTERNAL            | KERNEL_FAULT           | MAY retry with back-off                | REQ-SETUP-116 |
     *     | operation_timeout ran out               | DEADLINE_EXCEEDED   | OPERATION_TIMEOUT      | MAY retry                              | REQ-SETUP-117 |
     *     | resume.uid or sequence is not held      | OUT_OF_RANGE        | RESUME_POSITION_LOST   | MUST call again without `resume`       | REQ-SETUP-118 |
     *     | too many operations                     | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS    | MAY retry with back-off                | REQ-SETUP-119 |
     *     | max_networks networks are held          | RESOURCE_EXHAUSTED  | TOO_MANY_NETWORKS      | SHOULD choose another host             | REQ-SETUP-120 |
     *     | a limit of the host's kernel is reached | RESOURCE_EXHAUSTED  | HOST_LIMIT_REACHED     | SHOULD choose another host             | REQ-SETUP-121 |
     * A DEADLINE_EXCEEDED or CANCELLED without ErrorInfo was made by the caller's
     * own gRPC library and says nothing about the operation. [REQ-SETUP-020]
     * </pre>
     */
    public void setupNetwork(io.github.vmplumb.v1.SetupNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.SetupNetworkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getSetupNetworkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * TeardownNetwork removes the network of a VM and streams what happens: it
     * ends a running set-up, cuts the VM off, invokes CNI DEL on the whole list,
     * unlinks the namespace if the agent made it, forgets the record.
     * [REQ-TEARDOWN-001]
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-TEARDOWN-002] A vm_id
     * which is not known is OK with existed = false, so that a caller can always
     * repeat the call. [REQ-TEARDOWN-003]
     * The result says that the network is gone: the VM is cut off (host device
     * down, its routes removed), DEL of the whole list is done, the namespace is
     * unlinked. [REQ-TEARDOWN-004] The kernel may take some milliseconds more to
     * destroy the devices, and an address is free for another VM once its device
     * has been seen to go; wait_for_devices waits for that. [REQ-TEARDOWN-005] In
     * a namespace that was there before set-up, the devices are always gone
     * before the result. [REQ-TEARDOWN-006] A process that still lives in the
     * namespace or holds the tap device keeps the devices in being: the teardown
     * is done all the same, and where wait_for_devices waited in vain the result
     * names it in `holders`. [REQ-TEARDOWN-007]
     * A call while a teardown runs attaches to it: replays its events, then live;
     * [REQ-TEARDOWN-008] its own `force` and operation_timeout count for nothing.
     * [REQ-TEARDOWN-009] With `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent and nothing ever begins. [REQ-TEARDOWN-010] Needs
     * nothing but the record: no namespace, configuration file or CNI cache has
     * to be there still. [REQ-TEARDOWN-011]
     * Errors:
     *     | condition                       | code               | reason               | caller                                    | requirement      |
     *     |---------------------------------|--------------------|----------------------|-------------------------------------------|------------------|
     *     | uid does not match              | ABORTED            | UID_MISMATCH         | MUST read the record again                | REQ-TEARDOWN-101 |
     *     | CNI DEL failed, not `force`     | INTERNAL           | CNI_DEL_FAILED       | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-102 |
     *     | CNI error 11 outlasted retries  | UNAVAILABLE        | CNI_TRY_AGAIN_LATER  | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-103 |
     *     | the kernel refused              | INTERNAL           | KERNEL_FAULT         | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-104 |
     *     | operation_timeout ran out       | DEADLINE_EXCEEDED  | OPERATION_TIMEOUT    | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-105 |
     *     | resume.uid or sequence not held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST call again without `resume`          | REQ-TEARDOWN-106 |
     *     | too many operations             | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                   | REQ-TEARDOWN-107 |
     * </pre>
     */
    public void teardownNetwork(io.github.vmplumb.v1.TeardownNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.TeardownNetworkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getTeardownNetworkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * GetNetwork reads one record. [REQ-GET-001]
     * Errors:
     *     | condition     | code      | reason       | caller         | requirement |
     *     |---------------|-----------|--------------|----------------|-------------|
     *     | no such vm_id | NOT_FOUND | VM_NOT_FOUND | MUST NOT retry | REQ-GET-101 |
     * </pre>
     */
    public void getNetwork(io.github.vmplumb.v1.GetNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetNetworkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetNetworkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListNetworks reads records in the order of vm_id (byte order), page by
     * page. [REQ-LIST-001] A page may be shorter than page_size; the end is an
     * empty next_page_token and nothing else. [REQ-LIST-002] A server MUST keep a
     * page below 4 MiB, the default receive limit of gRPC, whatever page_size is.
     * [REQ-LIST-003]
     * Errors:
     *     | condition                                            | code             | reason          | caller                      | requirement  |
     *     |------------------------------------------------------|------------------|-----------------|-----------------------------|--------------|
     *     | page_token not of this server, or for another filter | INVALID_ARGUMENT | INVALID_REQUEST | MUST begin again without it | REQ-LIST-101 |
     * </pre>
     */
    public void listNetworks(io.github.vmplumb.v1.ListNetworksRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.ListNetworksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListNetworksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * WatchNetworks streams changes of records until the caller ends it. Without
     * after_revision it first sends every record there is, then one `bookmark`,
     * then changes. [REQ-WATCH-001] To a reader that lags, a server MAY send only
     * the newest state of a record; it MUST NOT leave out PHASE_REMOVED.
     * [REQ-WATCH-002]
     * Errors:
     *     | condition                        | code               | reason               | caller                                 | requirement   |
     *     |----------------------------------|--------------------|----------------------|----------------------------------------|---------------|
     *     | after_revision is no longer held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST watch again without it            | REQ-WATCH-101 |
     *     | too many watches                 | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                | REQ-WATCH-102 |
     *     | agent goes away                  | UNAVAILABLE        | AGENT_NOT_READY      | MAY watch again with its last revision | REQ-WATCH-103 |
     * </pre>
     */
    public void watchNetworks(io.github.vmplumb.v1.WatchNetworksRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.WatchNetworksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchNetworksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * CheckNetwork invokes CNI CHECK and looks at namespace, tap device, redirect
     * in both directions, addresses and routes. A network which is not as it
     * should be is OK with findings, not an error. [REQ-CHECK-001]
     * Errors:
     *     | condition                      | code                | reason              | caller                    | requirement   |
     *     |--------------------------------|---------------------|---------------------|---------------------------|---------------|
     *     | no such vm_id                  | NOT_FOUND           | VM_NOT_FOUND        | MUST NOT retry            | REQ-CHECK-101 |
     *     | phase is not READY             | FAILED_PRECONDITION | WRONG_PHASE         | MUST set up first         | REQ-CHECK-102 |
     *     | an operation runs on the vm_id | ABORTED             | OPERATION_PENDING   | MAY retry after RetryInfo | REQ-CHECK-103 |
     *     | too many operations            | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS | MAY retry with back-off   | REQ-CHECK-104 |
     * </pre>
     */
    public void checkNetwork(io.github.vmplumb.v1.CheckNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CheckNetworkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCheckNetworkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * DescribeNetwork reads one record and shows the devices between the VM and
     * the host as the kernel has them now. [REQ-DESCRIBE-001] What is missing is
     * missing in the answer; [REQ-DESCRIBE-002] CheckNetwork judges.
     * Errors:
     *     | condition           | code               | reason              | caller                  | requirement      |
     *     |---------------------|--------------------|---------------------|-------------------------|------------------|
     *     | no such vm_id       | NOT_FOUND          | VM_NOT_FOUND        | MUST NOT retry          | REQ-DESCRIBE-101 |
     *     | the kernel refused  | INTERNAL           | KERNEL_FAULT        | MAY retry with back-off | REQ-DESCRIBE-102 |
     *     | too many operations | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS | MAY retry with back-off | REQ-DESCRIBE-103 |
     * </pre>
     */
    public void describeNetwork(io.github.vmplumb.v1.DescribeNetworkRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DescribeNetworkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDescribeNetworkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * CollectGarbage tears down every network whose vm_id is not in valid_vm_ids
     * and whose record is not newer than as_of_revision, [REQ-COLLECT-001] and
     * invokes CNI GC with what remains. Networks with a running operation are
     * never touched. [REQ-COLLECT-002]
     * CNI GC runs only on networks that the operator marks as this agent's own,
     * since GC drops the attachments of every other runtime too.
     * [REQ-COLLECT-003] With collect_leaks, what DiagnoseHost would report with
     * an action is removed as well, after a second look; nothing foreign ever is.
     * Failures per network are in the response. [REQ-COLLECT-004]
     * Errors:
     *     | condition                   | code                | reason            | caller                    | requirement     |
     *     |-----------------------------|---------------------|-------------------|---------------------------|-----------------|
     *     | another collection runs     | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-COLLECT-101 |
     *     | collect_leaks not supported | FAILED_PRECONDITION | UNSUPPORTED       | MUST call without it      | REQ-COLLECT-102 |
     * </pre>
     */
    public void collectGarbage(io.github.vmplumb.v1.CollectGarbageRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CollectGarbageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCollectGarbageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * DiagnoseHost compares journal, CNI caches, IPAM reservations and kernel,
     * and names each difference; it also checks what the host must offer. It
     * changes nothing. [REQ-DIAGNOSE-001] There if GetStatus has
     * CAPABILITY_DIAGNOSE_HOST.
     * Errors:
     *     | condition              | code                | reason            | caller                    | requirement      |
     *     |------------------------|---------------------|-------------------|---------------------------|------------------|
     *     | another diagnosis runs | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-DIAGNOSE-101 |
     *     | the kernel refused     | INTERNAL            | KERNEL_FAULT      | MAY retry with back-off   | REQ-DIAGNOSE-102 |
     *     | not supported          | FAILED_PRECONDITION | UNSUPPORTED       | MUST NOT retry            | REQ-DIAGNOSE-103 |
     * </pre>
     */
    public void diagnoseHost(io.github.vmplumb.v1.DiagnoseHostRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DiagnoseHostResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDiagnoseHostMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * CordonHost lets no new network begin on the host, or lets them begin again.
     * While it is cordoned, SetupNetwork that would begin one answers
     * AGENT_NOT_READY, [REQ-CORDON-001] GetStatus is not ready and says why,
     * [REQ-CORDON-002] and a server that answers gRPC health checks answers those
     * of this service with NOT_SERVING. Networks stay, and every other call is
     * served as ever: a set-up that runs or is done is attached to or replayed.
     * [REQ-CORDON-003] It outlives restarts of the agent. [REQ-CORDON-004] There
     * if GetStatus has CAPABILITY_CORDON.
     * Errors:
     *     | condition                        | code        | reason         | caller                  | requirement    |
     *     |----------------------------------|-------------|----------------|-------------------------|----------------|
     *     | it could not be written down     | UNAVAILABLE | JOURNAL_FAILED | MAY retry with back-off | REQ-CORDON-101 |
     * </pre>
     */
    public void cordonHost(io.github.vmplumb.v1.CordonHostRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CordonHostResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCordonHostMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * GetStatus tells what the agent is, what it can do, how much of it it does
     * now and whether it can do it. MUST answer even when the agent is not ready.
     * [REQ-STATUS-001]
     * Errors:
     *     | condition                   | code     | reason   | caller                   | requirement    |
     *     |-----------------------------|----------|----------|--------------------------|----------------|
     *     | a fault of the agent itself | INTERNAL | INTERNAL | MAY retry; tell operator | REQ-STATUS-101 |
     * </pre>
     */
    public void getStatus(io.github.vmplumb.v1.GetStatusRequest request,
        io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetStatusResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetStatusMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service NetworkAgentService.
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public static final class NetworkAgentServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<NetworkAgentServiceBlockingV2Stub> {
    private NetworkAgentServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected NetworkAgentServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new NetworkAgentServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * SetupNetwork makes (or finds) the network of a VM and streams what happens.
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-SETUP-001] `sequence`
     * starts at 1 for a `uid` and increases by 1; [REQ-SETUP-002] to a reader
     * that lags, a server MAY skip `progress` events, never `result`.
     * [REQ-SETUP-003]
     * Idempotency, by vm_id:
     *     | record       | same spec                               | other spec     | requirement   |
     *     |--------------|-----------------------------------------|----------------|---------------|
     *     | none         | begins                                  | begins         | REQ-SETUP-010 |
     *     | SETTING_UP   | attaches: replays all events, then live | ALREADY_EXISTS | REQ-SETUP-011 |
     *     | READY        | OK: replays; no plugin is invoked       | ALREADY_EXISTS | REQ-SETUP-012 |
     *     | FAILED       | undoes the rest, begins under a new uid | the same       | REQ-SETUP-013 |
     *     | TEARING_DOWN | ABORTED                                 | ABORTED        | REQ-SETUP-014 |
     * FAILED: what is left of the old record is undone first, from the old
     * record's own data. [REQ-SETUP-015] If that fails and the new spec has
     * `force`, the failing DELs are told as warnings and kept as leftovers;
     * [REQ-SETUP-016] without `force` the answer is CNI_DEL_FAILED and the old
     * record stays. [REQ-SETUP-017] So a caller may repeat a call with `force`
     * added after a failure, and only then.
     * Resumption: with `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent, and nothing ever begins: [REQ-SETUP-018] a uid that
     * is still held gets the rest and then its result or its stored failure,
     * [REQ-SETUP-019] any other RESUME_POSITION_LOST.
     * Errors:
     *     | condition                               | code                | reason                 | caller                                 | requirement   |
     *     |-----------------------------------------|---------------------|------------------------|----------------------------------------|---------------|
     *     | vm_id exists with another spec or owner | ALREADY_EXISTS      | SPEC_CONFLICT          | MUST tear down first or use another id | REQ-SETUP-101 |
     *     | teardown of vm_id is running            | ABORTED             | OPERATION_PENDING      | MAY retry after RetryInfo              | REQ-SETUP-102 |
     *     | set-up was ended by TeardownNetwork     | ABORTED             | TORN_DOWN              | MUST NOT retry blindly                 | REQ-SETUP-103 |
     *     | a path is not allowed                   | PERMISSION_DENIED   | PATH_NOT_ALLOWED       | MUST fix the request                   | REQ-SETUP-104 |
     *     | json is no conflist, or views disagree  | INVALID_ARGUMENT    | CONFIG_LIST_MISMATCH   | MUST fix the request                   | REQ-SETUP-105 |
     *     | network_name not found                  | FAILED_PRECONDITION | CNI_NETWORK_NOT_FOUND  | operator installs it, then MAY retry   | REQ-SETUP-106 |
     *     | plugin missing or too old               | FAILED_PRECONDITION | CNI_PLUGIN_UNAVAILABLE | operator installs it, then MAY retry   | REQ-SETUP-107 |
     *     | host or agent cannot do it              | FAILED_PRECONDITION | UNSUPPORTED            | MUST fix the host or the request       | REQ-SETUP-108 |
     *     | netns_path is not a namespace           | FAILED_PRECONDITION | NOT_A_NETNS            | MUST fix the host or the request       | REQ-SETUP-109 |
     *     | namespace set-up failed                 | INTERNAL            | NETNS_SETUP_FAILED     | MAY retry with back-off                | REQ-SETUP-110 |
     *     | DEL before ADD failed, not `force`      | INTERNAL            | CNI_DEL_FAILED         | operator looks; or retry with `force`  | REQ-SETUP-111 |
     *     | CNI ADD failed for good                 | INTERNAL            | CNI_ADD_FAILED         | MAY retry with back-off                | REQ-SETUP-112 |
     *     | CNI error 11 outlasted the retries      | UNAVAILABLE         | CNI_TRY_AGAIN_LATER    | MAY retry after RetryInfo              | REQ-SETUP-113 |
     *     | no address is left in the network       | RESOURCE_EXHAUSTED  | ADDRESSES_EXHAUSTED    | SHOULD choose another host             | REQ-SETUP-114 |
     *     | result unusable for the VM              | INTERNAL            | CNI_RESULT_UNUSABLE    | MUST fix the CNI configuration         | REQ-SETUP-115 |
     *     | the kernel refused outside a plugin     | INTERNAL            | KERNEL_FAULT           | MAY retry with back-off                | REQ-SETUP-116 |
     *     | operation_timeout ran out               | DEADLINE_EXCEEDED   | OPERATION_TIMEOUT      | MAY retry                              | REQ-SETUP-117 |
     *     | resume.uid or sequence is not held      | OUT_OF_RANGE        | RESUME_POSITION_LOST   | MUST call again without `resume`       | REQ-SETUP-118 |
     *     | too many operations                     | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS    | MAY retry with back-off                | REQ-SETUP-119 |
     *     | max_networks networks are held          | RESOURCE_EXHAUSTED  | TOO_MANY_NETWORKS      | SHOULD choose another host             | REQ-SETUP-120 |
     *     | a limit of the host's kernel is reached | RESOURCE_EXHAUSTED  | HOST_LIMIT_REACHED     | SHOULD choose another host             | REQ-SETUP-121 |
     * A DEADLINE_EXCEEDED or CANCELLED without ErrorInfo was made by the caller's
     * own gRPC library and says nothing about the operation. [REQ-SETUP-020]
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.vmplumb.v1.SetupNetworkResponse>
        setupNetwork(io.github.vmplumb.v1.SetupNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getSetupNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * TeardownNetwork removes the network of a VM and streams what happens: it
     * ends a running set-up, cuts the VM off, invokes CNI DEL on the whole list,
     * unlinks the namespace if the agent made it, forgets the record.
     * [REQ-TEARDOWN-001]
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-TEARDOWN-002] A vm_id
     * which is not known is OK with existed = false, so that a caller can always
     * repeat the call. [REQ-TEARDOWN-003]
     * The result says that the network is gone: the VM is cut off (host device
     * down, its routes removed), DEL of the whole list is done, the namespace is
     * unlinked. [REQ-TEARDOWN-004] The kernel may take some milliseconds more to
     * destroy the devices, and an address is free for another VM once its device
     * has been seen to go; wait_for_devices waits for that. [REQ-TEARDOWN-005] In
     * a namespace that was there before set-up, the devices are always gone
     * before the result. [REQ-TEARDOWN-006] A process that still lives in the
     * namespace or holds the tap device keeps the devices in being: the teardown
     * is done all the same, and where wait_for_devices waited in vain the result
     * names it in `holders`. [REQ-TEARDOWN-007]
     * A call while a teardown runs attaches to it: replays its events, then live;
     * [REQ-TEARDOWN-008] its own `force` and operation_timeout count for nothing.
     * [REQ-TEARDOWN-009] With `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent and nothing ever begins. [REQ-TEARDOWN-010] Needs
     * nothing but the record: no namespace, configuration file or CNI cache has
     * to be there still. [REQ-TEARDOWN-011]
     * Errors:
     *     | condition                       | code               | reason               | caller                                    | requirement      |
     *     |---------------------------------|--------------------|----------------------|-------------------------------------------|------------------|
     *     | uid does not match              | ABORTED            | UID_MISMATCH         | MUST read the record again                | REQ-TEARDOWN-101 |
     *     | CNI DEL failed, not `force`     | INTERNAL           | CNI_DEL_FAILED       | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-102 |
     *     | CNI error 11 outlasted retries  | UNAVAILABLE        | CNI_TRY_AGAIN_LATER  | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-103 |
     *     | the kernel refused              | INTERNAL           | KERNEL_FAULT         | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-104 |
     *     | operation_timeout ran out       | DEADLINE_EXCEEDED  | OPERATION_TIMEOUT    | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-105 |
     *     | resume.uid or sequence not held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST call again without `resume`          | REQ-TEARDOWN-106 |
     *     | too many operations             | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                   | REQ-TEARDOWN-107 |
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.vmplumb.v1.TeardownNetworkResponse>
        teardownNetwork(io.github.vmplumb.v1.TeardownNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getTeardownNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetNetwork reads one record. [REQ-GET-001]
     * Errors:
     *     | condition     | code      | reason       | caller         | requirement |
     *     |---------------|-----------|--------------|----------------|-------------|
     *     | no such vm_id | NOT_FOUND | VM_NOT_FOUND | MUST NOT retry | REQ-GET-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.GetNetworkResponse getNetwork(io.github.vmplumb.v1.GetNetworkRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListNetworks reads records in the order of vm_id (byte order), page by
     * page. [REQ-LIST-001] A page may be shorter than page_size; the end is an
     * empty next_page_token and nothing else. [REQ-LIST-002] A server MUST keep a
     * page below 4 MiB, the default receive limit of gRPC, whatever page_size is.
     * [REQ-LIST-003]
     * Errors:
     *     | condition                                            | code             | reason          | caller                      | requirement  |
     *     |------------------------------------------------------|------------------|-----------------|-----------------------------|--------------|
     *     | page_token not of this server, or for another filter | INVALID_ARGUMENT | INVALID_REQUEST | MUST begin again without it | REQ-LIST-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.ListNetworksResponse listNetworks(io.github.vmplumb.v1.ListNetworksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListNetworksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WatchNetworks streams changes of records until the caller ends it. Without
     * after_revision it first sends every record there is, then one `bookmark`,
     * then changes. [REQ-WATCH-001] To a reader that lags, a server MAY send only
     * the newest state of a record; it MUST NOT leave out PHASE_REMOVED.
     * [REQ-WATCH-002]
     * Errors:
     *     | condition                        | code               | reason               | caller                                 | requirement   |
     *     |----------------------------------|--------------------|----------------------|----------------------------------------|---------------|
     *     | after_revision is no longer held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST watch again without it            | REQ-WATCH-101 |
     *     | too many watches                 | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                | REQ-WATCH-102 |
     *     | agent goes away                  | UNAVAILABLE        | AGENT_NOT_READY      | MAY watch again with its last revision | REQ-WATCH-103 |
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.vmplumb.v1.WatchNetworksResponse>
        watchNetworks(io.github.vmplumb.v1.WatchNetworksRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchNetworksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CheckNetwork invokes CNI CHECK and looks at namespace, tap device, redirect
     * in both directions, addresses and routes. A network which is not as it
     * should be is OK with findings, not an error. [REQ-CHECK-001]
     * Errors:
     *     | condition                      | code                | reason              | caller                    | requirement   |
     *     |--------------------------------|---------------------|---------------------|---------------------------|---------------|
     *     | no such vm_id                  | NOT_FOUND           | VM_NOT_FOUND        | MUST NOT retry            | REQ-CHECK-101 |
     *     | phase is not READY             | FAILED_PRECONDITION | WRONG_PHASE         | MUST set up first         | REQ-CHECK-102 |
     *     | an operation runs on the vm_id | ABORTED             | OPERATION_PENDING   | MAY retry after RetryInfo | REQ-CHECK-103 |
     *     | too many operations            | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS | MAY retry with back-off   | REQ-CHECK-104 |
     * </pre>
     */
    public io.github.vmplumb.v1.CheckNetworkResponse checkNetwork(io.github.vmplumb.v1.CheckNetworkRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCheckNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DescribeNetwork reads one record and shows the devices between the VM and
     * the host as the kernel has them now. [REQ-DESCRIBE-001] What is missing is
     * missing in the answer; [REQ-DESCRIBE-002] CheckNetwork judges.
     * Errors:
     *     | condition           | code               | reason              | caller                  | requirement      |
     *     |---------------------|--------------------|---------------------|-------------------------|------------------|
     *     | no such vm_id       | NOT_FOUND          | VM_NOT_FOUND        | MUST NOT retry          | REQ-DESCRIBE-101 |
     *     | the kernel refused  | INTERNAL           | KERNEL_FAULT        | MAY retry with back-off | REQ-DESCRIBE-102 |
     *     | too many operations | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS | MAY retry with back-off | REQ-DESCRIBE-103 |
     * </pre>
     */
    public io.github.vmplumb.v1.DescribeNetworkResponse describeNetwork(io.github.vmplumb.v1.DescribeNetworkRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDescribeNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CollectGarbage tears down every network whose vm_id is not in valid_vm_ids
     * and whose record is not newer than as_of_revision, [REQ-COLLECT-001] and
     * invokes CNI GC with what remains. Networks with a running operation are
     * never touched. [REQ-COLLECT-002]
     * CNI GC runs only on networks that the operator marks as this agent's own,
     * since GC drops the attachments of every other runtime too.
     * [REQ-COLLECT-003] With collect_leaks, what DiagnoseHost would report with
     * an action is removed as well, after a second look; nothing foreign ever is.
     * Failures per network are in the response. [REQ-COLLECT-004]
     * Errors:
     *     | condition                   | code                | reason            | caller                    | requirement     |
     *     |-----------------------------|---------------------|-------------------|---------------------------|-----------------|
     *     | another collection runs     | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-COLLECT-101 |
     *     | collect_leaks not supported | FAILED_PRECONDITION | UNSUPPORTED       | MUST call without it      | REQ-COLLECT-102 |
     * </pre>
     */
    public io.github.vmplumb.v1.CollectGarbageResponse collectGarbage(io.github.vmplumb.v1.CollectGarbageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCollectGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DiagnoseHost compares journal, CNI caches, IPAM reservations and kernel,
     * and names each difference; it also checks what the host must offer. It
     * changes nothing. [REQ-DIAGNOSE-001] There if GetStatus has
     * CAPABILITY_DIAGNOSE_HOST.
     * Errors:
     *     | condition              | code                | reason            | caller                    | requirement      |
     *     |------------------------|---------------------|-------------------|---------------------------|------------------|
     *     | another diagnosis runs | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-DIAGNOSE-101 |
     *     | the kernel refused     | INTERNAL            | KERNEL_FAULT      | MAY retry with back-off   | REQ-DIAGNOSE-102 |
     *     | not supported          | FAILED_PRECONDITION | UNSUPPORTED       | MUST NOT retry            | REQ-DIAGNOSE-103 |
     * </pre>
     */
    public io.github.vmplumb.v1.DiagnoseHostResponse diagnoseHost(io.github.vmplumb.v1.DiagnoseHostRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDiagnoseHostMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CordonHost lets no new network begin on the host, or lets them begin again.
     * While it is cordoned, SetupNetwork that would begin one answers
     * AGENT_NOT_READY, [REQ-CORDON-001] GetStatus is not ready and says why,
     * [REQ-CORDON-002] and a server that answers gRPC health checks answers those
     * of this service with NOT_SERVING. Networks stay, and every other call is
     * served as ever: a set-up that runs or is done is attached to or replayed.
     * [REQ-CORDON-003] It outlives restarts of the agent. [REQ-CORDON-004] There
     * if GetStatus has CAPABILITY_CORDON.
     * Errors:
     *     | condition                        | code        | reason         | caller                  | requirement    |
     *     |----------------------------------|-------------|----------------|-------------------------|----------------|
     *     | it could not be written down     | UNAVAILABLE | JOURNAL_FAILED | MAY retry with back-off | REQ-CORDON-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.CordonHostResponse cordonHost(io.github.vmplumb.v1.CordonHostRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCordonHostMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetStatus tells what the agent is, what it can do, how much of it it does
     * now and whether it can do it. MUST answer even when the agent is not ready.
     * [REQ-STATUS-001]
     * Errors:
     *     | condition                   | code     | reason   | caller                   | requirement    |
     *     |-----------------------------|----------|----------|--------------------------|----------------|
     *     | a fault of the agent itself | INTERNAL | INTERNAL | MAY retry; tell operator | REQ-STATUS-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.GetStatusResponse getStatus(io.github.vmplumb.v1.GetStatusRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service NetworkAgentService.
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public static final class NetworkAgentServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<NetworkAgentServiceBlockingStub> {
    private NetworkAgentServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected NetworkAgentServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new NetworkAgentServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * SetupNetwork makes (or finds) the network of a VM and streams what happens.
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-SETUP-001] `sequence`
     * starts at 1 for a `uid` and increases by 1; [REQ-SETUP-002] to a reader
     * that lags, a server MAY skip `progress` events, never `result`.
     * [REQ-SETUP-003]
     * Idempotency, by vm_id:
     *     | record       | same spec                               | other spec     | requirement   |
     *     |--------------|-----------------------------------------|----------------|---------------|
     *     | none         | begins                                  | begins         | REQ-SETUP-010 |
     *     | SETTING_UP   | attaches: replays all events, then live | ALREADY_EXISTS | REQ-SETUP-011 |
     *     | READY        | OK: replays; no plugin is invoked       | ALREADY_EXISTS | REQ-SETUP-012 |
     *     | FAILED       | undoes the rest, begins under a new uid | the same       | REQ-SETUP-013 |
     *     | TEARING_DOWN | ABORTED                                 | ABORTED        | REQ-SETUP-014 |
     * FAILED: what is left of the old record is undone first, from the old
     * record's own data. [REQ-SETUP-015] If that fails and the new spec has
     * `force`, the failing DELs are told as warnings and kept as leftovers;
     * [REQ-SETUP-016] without `force` the answer is CNI_DEL_FAILED and the old
     * record stays. [REQ-SETUP-017] So a caller may repeat a call with `force`
     * added after a failure, and only then.
     * Resumption: with `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent, and nothing ever begins: [REQ-SETUP-018] a uid that
     * is still held gets the rest and then its result or its stored failure,
     * [REQ-SETUP-019] any other RESUME_POSITION_LOST.
     * Errors:
     *     | condition                               | code                | reason                 | caller                                 | requirement   |
     *     |-----------------------------------------|---------------------|------------------------|----------------------------------------|---------------|
     *     | vm_id exists with another spec or owner | ALREADY_EXISTS      | SPEC_CONFLICT          | MUST tear down first or use another id | REQ-SETUP-101 |
     *     | teardown of vm_id is running            | ABORTED             | OPERATION_PENDING      | MAY retry after RetryInfo              | REQ-SETUP-102 |
     *     | set-up was ended by TeardownNetwork     | ABORTED             | TORN_DOWN              | MUST NOT retry blindly                 | REQ-SETUP-103 |
     *     | a path is not allowed                   | PERMISSION_DENIED   | PATH_NOT_ALLOWED       | MUST fix the request                   | REQ-SETUP-104 |
     *     | json is no conflist, or views disagree  | INVALID_ARGUMENT    | CONFIG_LIST_MISMATCH   | MUST fix the request                   | REQ-SETUP-105 |
     *     | network_name not found                  | FAILED_PRECONDITION | CNI_NETWORK_NOT_FOUND  | operator installs it, then MAY retry   | REQ-SETUP-106 |
     *     | plugin missing or too old               | FAILED_PRECONDITION | CNI_PLUGIN_UNAVAILABLE | operator installs it, then MAY retry   | REQ-SETUP-107 |
     *     | host or agent cannot do it              | FAILED_PRECONDITION | UNSUPPORTED            | MUST fix the host or the request       | REQ-SETUP-108 |
     *     | netns_path is not a namespace           | FAILED_PRECONDITION | NOT_A_NETNS            | MUST fix the host or the request       | REQ-SETUP-109 |
     *     | namespace set-up failed                 | INTERNAL            | NETNS_SETUP_FAILED     | MAY retry with back-off                | REQ-SETUP-110 |
     *     | DEL before ADD failed, not `force`      | INTERNAL            | CNI_DEL_FAILED         | operator looks; or retry with `force`  | REQ-SETUP-111 |
     *     | CNI ADD failed for good                 | INTERNAL            | CNI_ADD_FAILED         | MAY retry with back-off                | REQ-SETUP-112 |
     *     | CNI error 11 outlasted the retries      | UNAVAILABLE         | CNI_TRY_AGAIN_LATER    | MAY retry after RetryInfo              | REQ-SETUP-113 |
     *     | no address is left in the network       | RESOURCE_EXHAUSTED  | ADDRESSES_EXHAUSTED    | SHOULD choose another host             | REQ-SETUP-114 |
     *     | result unusable for the VM              | INTERNAL            | CNI_RESULT_UNUSABLE    | MUST fix the CNI configuration         | REQ-SETUP-115 |
     *     | the kernel refused outside a plugin     | INTERNAL            | KERNEL_FAULT           | MAY retry with back-off                | REQ-SETUP-116 |
     *     | operation_timeout ran out               | DEADLINE_EXCEEDED   | OPERATION_TIMEOUT      | MAY retry                              | REQ-SETUP-117 |
     *     | resume.uid or sequence is not held      | OUT_OF_RANGE        | RESUME_POSITION_LOST   | MUST call again without `resume`       | REQ-SETUP-118 |
     *     | too many operations                     | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS    | MAY retry with back-off                | REQ-SETUP-119 |
     *     | max_networks networks are held          | RESOURCE_EXHAUSTED  | TOO_MANY_NETWORKS      | SHOULD choose another host             | REQ-SETUP-120 |
     *     | a limit of the host's kernel is reached | RESOURCE_EXHAUSTED  | HOST_LIMIT_REACHED     | SHOULD choose another host             | REQ-SETUP-121 |
     * A DEADLINE_EXCEEDED or CANCELLED without ErrorInfo was made by the caller's
     * own gRPC library and says nothing about the operation. [REQ-SETUP-020]
     * </pre>
     */
    public java.util.Iterator<io.github.vmplumb.v1.SetupNetworkResponse> setupNetwork(
        io.github.vmplumb.v1.SetupNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getSetupNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * TeardownNetwork removes the network of a VM and streams what happens: it
     * ends a running set-up, cuts the VM off, invokes CNI DEL on the whole list,
     * unlinks the namespace if the agent made it, forgets the record.
     * [REQ-TEARDOWN-001]
     * Stream: zero or more `progress`, then exactly one `result` and status OK,
     * or a status other than OK without `result`. [REQ-TEARDOWN-002] A vm_id
     * which is not known is OK with existed = false, so that a caller can always
     * repeat the call. [REQ-TEARDOWN-003]
     * The result says that the network is gone: the VM is cut off (host device
     * down, its routes removed), DEL of the whole list is done, the namespace is
     * unlinked. [REQ-TEARDOWN-004] The kernel may take some milliseconds more to
     * destroy the devices, and an address is free for another VM once its device
     * has been seen to go; wait_for_devices waits for that. [REQ-TEARDOWN-005] In
     * a namespace that was there before set-up, the devices are always gone
     * before the result. [REQ-TEARDOWN-006] A process that still lives in the
     * namespace or holds the tap device keeps the devices in being: the teardown
     * is done all the same, and where wait_for_devices waited in vain the result
     * names it in `holders`. [REQ-TEARDOWN-007]
     * A call while a teardown runs attaches to it: replays its events, then live;
     * [REQ-TEARDOWN-008] its own `force` and operation_timeout count for nothing.
     * [REQ-TEARDOWN-009] With `resume`, only events after `resume.sequence` of
     * `resume.uid` are sent and nothing ever begins. [REQ-TEARDOWN-010] Needs
     * nothing but the record: no namespace, configuration file or CNI cache has
     * to be there still. [REQ-TEARDOWN-011]
     * Errors:
     *     | condition                       | code               | reason               | caller                                    | requirement      |
     *     |---------------------------------|--------------------|----------------------|-------------------------------------------|------------------|
     *     | uid does not match              | ABORTED            | UID_MISMATCH         | MUST read the record again                | REQ-TEARDOWN-101 |
     *     | CNI DEL failed, not `force`     | INTERNAL           | CNI_DEL_FAILED       | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-102 |
     *     | CNI error 11 outlasted retries  | UNAVAILABLE        | CNI_TRY_AGAIN_LATER  | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-103 |
     *     | the kernel refused              | INTERNAL           | KERNEL_FAULT         | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-104 |
     *     | operation_timeout ran out       | DEADLINE_EXCEEDED  | OPERATION_TIMEOUT    | MAY retry; the record stays, phase FAILED | REQ-TEARDOWN-105 |
     *     | resume.uid or sequence not held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST call again without `resume`          | REQ-TEARDOWN-106 |
     *     | too many operations             | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                   | REQ-TEARDOWN-107 |
     * </pre>
     */
    public java.util.Iterator<io.github.vmplumb.v1.TeardownNetworkResponse> teardownNetwork(
        io.github.vmplumb.v1.TeardownNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getTeardownNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetNetwork reads one record. [REQ-GET-001]
     * Errors:
     *     | condition     | code      | reason       | caller         | requirement |
     *     |---------------|-----------|--------------|----------------|-------------|
     *     | no such vm_id | NOT_FOUND | VM_NOT_FOUND | MUST NOT retry | REQ-GET-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.GetNetworkResponse getNetwork(io.github.vmplumb.v1.GetNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListNetworks reads records in the order of vm_id (byte order), page by
     * page. [REQ-LIST-001] A page may be shorter than page_size; the end is an
     * empty next_page_token and nothing else. [REQ-LIST-002] A server MUST keep a
     * page below 4 MiB, the default receive limit of gRPC, whatever page_size is.
     * [REQ-LIST-003]
     * Errors:
     *     | condition                                            | code             | reason          | caller                      | requirement  |
     *     |------------------------------------------------------|------------------|-----------------|-----------------------------|--------------|
     *     | page_token not of this server, or for another filter | INVALID_ARGUMENT | INVALID_REQUEST | MUST begin again without it | REQ-LIST-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.ListNetworksResponse listNetworks(io.github.vmplumb.v1.ListNetworksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListNetworksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WatchNetworks streams changes of records until the caller ends it. Without
     * after_revision it first sends every record there is, then one `bookmark`,
     * then changes. [REQ-WATCH-001] To a reader that lags, a server MAY send only
     * the newest state of a record; it MUST NOT leave out PHASE_REMOVED.
     * [REQ-WATCH-002]
     * Errors:
     *     | condition                        | code               | reason               | caller                                 | requirement   |
     *     |----------------------------------|--------------------|----------------------|----------------------------------------|---------------|
     *     | after_revision is no longer held | OUT_OF_RANGE       | RESUME_POSITION_LOST | MUST watch again without it            | REQ-WATCH-101 |
     *     | too many watches                 | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS  | MAY retry with back-off                | REQ-WATCH-102 |
     *     | agent goes away                  | UNAVAILABLE        | AGENT_NOT_READY      | MAY watch again with its last revision | REQ-WATCH-103 |
     * </pre>
     */
    public java.util.Iterator<io.github.vmplumb.v1.WatchNetworksResponse> watchNetworks(
        io.github.vmplumb.v1.WatchNetworksRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchNetworksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CheckNetwork invokes CNI CHECK and looks at namespace, tap device, redirect
     * in both directions, addresses and routes. A network which is not as it
     * should be is OK with findings, not an error. [REQ-CHECK-001]
     * Errors:
     *     | condition                      | code                | reason              | caller                    | requirement   |
     *     |--------------------------------|---------------------|---------------------|---------------------------|---------------|
     *     | no such vm_id                  | NOT_FOUND           | VM_NOT_FOUND        | MUST NOT retry            | REQ-CHECK-101 |
     *     | phase is not READY             | FAILED_PRECONDITION | WRONG_PHASE         | MUST set up first         | REQ-CHECK-102 |
     *     | an operation runs on the vm_id | ABORTED             | OPERATION_PENDING   | MAY retry after RetryInfo | REQ-CHECK-103 |
     *     | too many operations            | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS | MAY retry with back-off   | REQ-CHECK-104 |
     * </pre>
     */
    public io.github.vmplumb.v1.CheckNetworkResponse checkNetwork(io.github.vmplumb.v1.CheckNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCheckNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DescribeNetwork reads one record and shows the devices between the VM and
     * the host as the kernel has them now. [REQ-DESCRIBE-001] What is missing is
     * missing in the answer; [REQ-DESCRIBE-002] CheckNetwork judges.
     * Errors:
     *     | condition           | code               | reason              | caller                  | requirement      |
     *     |---------------------|--------------------|---------------------|-------------------------|------------------|
     *     | no such vm_id       | NOT_FOUND          | VM_NOT_FOUND        | MUST NOT retry          | REQ-DESCRIBE-101 |
     *     | the kernel refused  | INTERNAL           | KERNEL_FAULT        | MAY retry with back-off | REQ-DESCRIBE-102 |
     *     | too many operations | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS | MAY retry with back-off | REQ-DESCRIBE-103 |
     * </pre>
     */
    public io.github.vmplumb.v1.DescribeNetworkResponse describeNetwork(io.github.vmplumb.v1.DescribeNetworkRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDescribeNetworkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CollectGarbage tears down every network whose vm_id is not in valid_vm_ids
     * and whose record is not newer than as_of_revision, [REQ-COLLECT-001] and
     * invokes CNI GC with what remains. Networks with a running operation are
     * never touched. [REQ-COLLECT-002]
     * CNI GC runs only on networks that the operator marks as this agent's own,
     * since GC drops the attachments of every other runtime too.
     * [REQ-COLLECT-003] With collect_leaks, what DiagnoseHost would report with
     * an action is removed as well, after a second look; nothing foreign ever is.
     * Failures per network are in the response. [REQ-COLLECT-004]
     * Errors:
     *     | condition                   | code                | reason            | caller                    | requirement     |
     *     |-----------------------------|---------------------|-------------------|---------------------------|-----------------|
     *     | another collection runs     | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-COLLECT-101 |
     *     | collect_leaks not supported | FAILED_PRECONDITION | UNSUPPORTED       | MUST call without it      | REQ-COLLECT-102 |
     * </pre>
     */
    public io.github.vmplumb.v1.CollectGarbageResponse collectGarbage(io.github.vmplumb.v1.CollectGarbageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCollectGarbageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DiagnoseHost compares journal, CNI caches, IPAM reservations and kernel,
     * and names each difference; it also checks what the host must offer. It
     * changes nothing. [REQ-DIAGNOSE-001] There if GetStatus has
     * CAPABILITY_DIAGNOSE_HOST.
     * Errors:
     *     | condition              | code                | reason            | caller                    | requirement      |
     *     |------------------------|---------------------|-------------------|---------------------------|------------------|
     *     | another diagnosis runs | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-DIAGNOSE-101 |
     *     | the kernel refused     | INTERNAL            | KERNEL_FAULT      | MAY retry with back-off   | REQ-DIAGNOSE-102 |
     *     | not supported          | FAILED_PRECONDITION | UNSUPPORTED       | MUST NOT retry            | REQ-DIAGNOSE-103 |
     * </pre>
     */
    public io.github.vmplumb.v1.DiagnoseHostResponse diagnoseHost(io.github.vmplumb.v1.DiagnoseHostRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDiagnoseHostMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * CordonHost lets no new network begin on the host, or lets them begin again.
     * While it is cordoned, SetupNetwork that would begin one answers
     * AGENT_NOT_READY, [REQ-CORDON-001] GetStatus is not ready and says why,
     * [REQ-CORDON-002] and a server that answers gRPC health checks answers those
     * of this service with NOT_SERVING. Networks stay, and every other call is
     * served as ever: a set-up that runs or is done is attached to or replayed.
     * [REQ-CORDON-003] It outlives restarts of the agent. [REQ-CORDON-004] There
     * if GetStatus has CAPABILITY_CORDON.
     * Errors:
     *     | condition                        | code        | reason         | caller                  | requirement    |
     *     |----------------------------------|-------------|----------------|-------------------------|----------------|
     *     | it could not be written down     | UNAVAILABLE | JOURNAL_FAILED | MAY retry with back-off | REQ-CORDON-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.CordonHostResponse cordonHost(io.github.vmplumb.v1.CordonHostRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCordonHostMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetStatus tells what the agent is, what it can do, how much of it it does
     * now and whether it can do it. MUST answer even when the agent is not ready.
     * [REQ-STATUS-001]
     * Errors:
     *     | condition                   | code     | reason   | caller                   | requirement    |
     *     |-----------------------------|----------|----------|--------------------------|----------------|
     *     | a fault of the agent itself | INTERNAL | INTERNAL | MAY retry; tell operator | REQ-STATUS-101 |
     * </pre>
     */
    public io.github.vmplumb.v1.GetStatusResponse getStatus(io.github.vmplumb.v1.GetStatusRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service NetworkAgentService.
   * <pre>
   * NetworkAgentService prepares the networks of Firecracker microVMs on the host
   * the agent runs on.
   * The key words MUST, MUST NOT, SHOULD, MAY are those of RFC 2119.
   * Rules for every RPC
   *  1. A server MUST check every protovalidate rule of this package before it
   *     does anything else, and MUST NOT have a side effect if one is violated.
   *     [REQ-RULE-001] All violations are in one answer. [REQ-RULE-002]
   *  2. A server MUST refuse a mutating request (SetupNetwork, TeardownNetwork,
   *     CollectGarbage, CordonHost) with a field it does not know, anywhere in the message.
   *     [REQ-RULE-003] Clients MUST ignore fields and enum values they do not
   *     know.
   *  3. A status other than OK MUST carry google.rpc.ErrorInfo with domain
   *     "vmplumb.v1" and a reason of ErrorReason, ErrorInfo.metadata["vm_id"] if
   *     there is one, and Failure. [REQ-RULE-004] INVALID_REQUEST also carries
   *     google.rpc.BadRequest: field path, rule id and message of each violation.
   *     [REQ-RULE-005] UNAVAILABLE, RESOURCE_EXHAUSTED and OPERATION_PENDING also
   *     carry google.rpc.RetryInfo if the server can say when. [REQ-RULE-006]
   *  4. The details of a status stay below 6 KiB serialized, since gRPC's limit
   *     for headers is 8 KiB. What does not fit is cut: the last violation then
   *     has the reason "truncated" and says how many more there are, the standard
   *     error of a plugin keeps its last 1 KiB. The record has all of it.
   *     [REQ-RULE-007]
   *  5. The end of a call (cancel, RPC deadline, broken connection) MUST NOT end
   *     the operation it began. [REQ-RULE-008] The only way to end a set-up is
   *     TeardownNetwork. [REQ-RULE-009]
   *  6. At most one operation runs on a vm_id at a time. [REQ-RULE-010]
   *  7. A path in a request is compared with the operator's lists after its links
   *     and ".." are resolved. [REQ-RULE-011]
   *  8. Where the server knows callers by identity, a caller sees and touches
   *     only the networks it made itself, unless it is an administrator:
   *     another's is to it as if it were not there (VM_NOT_FOUND, existed =
   *     false, absent from lists and watches). [REQ-RULE-012] Only SetupNetwork
   *     must tell that a vm_id is taken: it answers SPEC_CONFLICT, whatever the
   *     other's spec and phase are. [REQ-RULE-013]
   *  9. Errors of every RPC, in addition to its own table:
   *     | condition                          | code               | reason          | caller                   | requirement  |
   *     |------------------------------------|--------------------|-----------------|--------------------------|--------------|
   *     | a rule is violated                 | INVALID_ARGUMENT   | INVALID_REQUEST | MUST fix the request     | REQ-RULE-101 |
   *     | a field is unknown (mutating RPCs) | INVALID_ARGUMENT   | UNKNOWN_FIELD   | MUST send less or update | REQ-RULE-102 |
   *     | agent starting or draining         | UNAVAILABLE        | AGENT_NOT_READY | MAY retry with back-off  | REQ-RULE-103 |
   *     | journal cannot be read or written  | UNAVAILABLE        | JOURNAL_FAILED  | MAY retry with back-off  | REQ-RULE-104 |
   *     | caller is not allowed              | PERMISSION_DENIED  | ACCESS_DENIED   | MUST NOT retry           | REQ-RULE-105 |
   *     | caller is not authenticated        | UNAUTHENTICATED    | UNAUTHENTICATED | MUST authenticate first  | REQ-RULE-106 |
   *     | a limit of the caller or of a call | RESOURCE_EXHAUSTED | LIMIT_EXCEEDED  | MAY retry with back-off  | REQ-RULE-107 |
   *     | a fault of the agent itself        | INTERNAL           | INTERNAL        | MAY retry; tell operator | REQ-RULE-108 |
   *     | no such RPC on this server         | UNIMPLEMENTED      | (none)          | MUST NOT retry           | REQ-RULE-109 |
   * </pre>
   */
  public static final class NetworkAgentServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<NetworkAgentServiceFutureStub> {
    private NetworkAgentServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected NetworkAgentServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new NetworkAgentServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetNetwork reads one record. [REQ-GET-001]
     * Errors:
     *     | condition     | code      | reason       | caller         | requirement |
     *     |---------------|-----------|--------------|----------------|-------------|
     *     | no such vm_id | NOT_FOUND | VM_NOT_FOUND | MUST NOT retry | REQ-GET-101 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.GetNetworkResponse> getNetwork(
        io.github.vmplumb.v1.GetNetworkRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetNetworkMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ListNetworks reads records in the order of vm_id (byte order), page by
     * page. [REQ-LIST-001] A page may be shorter than page_size; the end is an
     * empty next_page_token and nothing else. [REQ-LIST-002] A server MUST keep a
     * page below 4 MiB, the default receive limit of gRPC, whatever page_size is.
     * [REQ-LIST-003]
     * Errors:
     *     | condition                                            | code             | reason          | caller                      | requirement  |
     *     |------------------------------------------------------|------------------|-----------------|-----------------------------|--------------|
     *     | page_token not of this server, or for another filter | INVALID_ARGUMENT | INVALID_REQUEST | MUST begin again without it | REQ-LIST-101 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.ListNetworksResponse> listNetworks(
        io.github.vmplumb.v1.ListNetworksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListNetworksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * CheckNetwork invokes CNI CHECK and looks at namespace, tap device, redirect
     * in both directions, addresses and routes. A network which is not as it
     * should be is OK with findings, not an error. [REQ-CHECK-001]
     * Errors:
     *     | condition                      | code                | reason              | caller                    | requirement   |
     *     |--------------------------------|---------------------|---------------------|---------------------------|---------------|
     *     | no such vm_id                  | NOT_FOUND           | VM_NOT_FOUND        | MUST NOT retry            | REQ-CHECK-101 |
     *     | phase is not READY             | FAILED_PRECONDITION | WRONG_PHASE         | MUST set up first         | REQ-CHECK-102 |
     *     | an operation runs on the vm_id | ABORTED             | OPERATION_PENDING   | MAY retry after RetryInfo | REQ-CHECK-103 |
     *     | too many operations            | RESOURCE_EXHAUSTED  | TOO_MANY_OPERATIONS | MAY retry with back-off   | REQ-CHECK-104 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.CheckNetworkResponse> checkNetwork(
        io.github.vmplumb.v1.CheckNetworkRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCheckNetworkMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * DescribeNetwork reads one record and shows the devices between the VM and
     * the host as the kernel has them now. [REQ-DESCRIBE-001] What is missing is
     * missing in the answer; [REQ-DESCRIBE-002] CheckNetwork judges.
     * Errors:
     *     | condition           | code               | reason              | caller                  | requirement      |
     *     |---------------------|--------------------|---------------------|-------------------------|------------------|
     *     | no such vm_id       | NOT_FOUND          | VM_NOT_FOUND        | MUST NOT retry          | REQ-DESCRIBE-101 |
     *     | the kernel refused  | INTERNAL           | KERNEL_FAULT        | MAY retry with back-off | REQ-DESCRIBE-102 |
     *     | too many operations | RESOURCE_EXHAUSTED | TOO_MANY_OPERATIONS | MAY retry with back-off | REQ-DESCRIBE-103 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.DescribeNetworkResponse> describeNetwork(
        io.github.vmplumb.v1.DescribeNetworkRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDescribeNetworkMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * CollectGarbage tears down every network whose vm_id is not in valid_vm_ids
     * and whose record is not newer than as_of_revision, [REQ-COLLECT-001] and
     * invokes CNI GC with what remains. Networks with a running operation are
     * never touched. [REQ-COLLECT-002]
     * CNI GC runs only on networks that the operator marks as this agent's own,
     * since GC drops the attachments of every other runtime too.
     * [REQ-COLLECT-003] With collect_leaks, what DiagnoseHost would report with
     * an action is removed as well, after a second look; nothing foreign ever is.
     * Failures per network are in the response. [REQ-COLLECT-004]
     * Errors:
     *     | condition                   | code                | reason            | caller                    | requirement     |
     *     |-----------------------------|---------------------|-------------------|---------------------------|-----------------|
     *     | another collection runs     | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-COLLECT-101 |
     *     | collect_leaks not supported | FAILED_PRECONDITION | UNSUPPORTED       | MUST call without it      | REQ-COLLECT-102 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.CollectGarbageResponse> collectGarbage(
        io.github.vmplumb.v1.CollectGarbageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCollectGarbageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * DiagnoseHost compares journal, CNI caches, IPAM reservations and kernel,
     * and names each difference; it also checks what the host must offer. It
     * changes nothing. [REQ-DIAGNOSE-001] There if GetStatus has
     * CAPABILITY_DIAGNOSE_HOST.
     * Errors:
     *     | condition              | code                | reason            | caller                    | requirement      |
     *     |------------------------|---------------------|-------------------|---------------------------|------------------|
     *     | another diagnosis runs | ABORTED             | OPERATION_PENDING | MAY retry after RetryInfo | REQ-DIAGNOSE-101 |
     *     | the kernel refused     | INTERNAL            | KERNEL_FAULT      | MAY retry with back-off   | REQ-DIAGNOSE-102 |
     *     | not supported          | FAILED_PRECONDITION | UNSUPPORTED       | MUST NOT retry            | REQ-DIAGNOSE-103 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.DiagnoseHostResponse> diagnoseHost(
        io.github.vmplumb.v1.DiagnoseHostRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDiagnoseHostMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * CordonHost lets no new network begin on the host, or lets them begin again.
     * While it is cordoned, SetupNetwork that would begin one answers
     * AGENT_NOT_READY, [REQ-CORDON-001] GetStatus is not ready and says why,
     * [REQ-CORDON-002] and a server that answers gRPC health checks answers those
     * of this service with NOT_SERVING. Networks stay, and every other call is
     * served as ever: a set-up that runs or is done is attached to or replayed.
     * [REQ-CORDON-003] It outlives restarts of the agent. [REQ-CORDON-004] There
     * if GetStatus has CAPABILITY_CORDON.
     * Errors:
     *     | condition                        | code        | reason         | caller                  | requirement    |
     *     |----------------------------------|-------------|----------------|-------------------------|----------------|
     *     | it could not be written down     | UNAVAILABLE | JOURNAL_FAILED | MAY retry with back-off | REQ-CORDON-101 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.CordonHostResponse> cordonHost(
        io.github.vmplumb.v1.CordonHostRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCordonHostMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * GetStatus tells what the agent is, what it can do, how much of it it does
     * now and whether it can do it. MUST answer even when the agent is not ready.
     * [REQ-STATUS-001]
     * Errors:
     *     | condition                   | code     | reason   | caller                   | requirement    |
     *     |-----------------------------|----------|----------|--------------------------|----------------|
     *     | a fault of the agent itself | INTERNAL | INTERNAL | MAY retry; tell operator | REQ-STATUS-101 |
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.vmplumb.v1.GetStatusResponse> getStatus(
        io.github.vmplumb.v1.GetStatusRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetStatusMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_SETUP_NETWORK = 0;
  private static final int METHODID_TEARDOWN_NETWORK = 1;
  private static final int METHODID_GET_NETWORK = 2;
  private static final int METHODID_LIST_NETWORKS = 3;
  private static final int METHODID_WATCH_NETWORKS = 4;
  private static final int METHODID_CHECK_NETWORK = 5;
  private static final int METHODID_DESCRIBE_NETWORK = 6;
  private static final int METHODID_COLLECT_GARBAGE = 7;
  private static final int METHODID_DIAGNOSE_HOST = 8;
  private static final int METHODID_CORDON_HOST = 9;
  private static final int METHODID_GET_STATUS = 10;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_SETUP_NETWORK:
          serviceImpl.setupNetwork((io.github.vmplumb.v1.SetupNetworkRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.SetupNetworkResponse>) responseObserver);
          break;
        case METHODID_TEARDOWN_NETWORK:
          serviceImpl.teardownNetwork((io.github.vmplumb.v1.TeardownNetworkRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.TeardownNetworkResponse>) responseObserver);
          break;
        case METHODID_GET_NETWORK:
          serviceImpl.getNetwork((io.github.vmplumb.v1.GetNetworkRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetNetworkResponse>) responseObserver);
          break;
        case METHODID_LIST_NETWORKS:
          serviceImpl.listNetworks((io.github.vmplumb.v1.ListNetworksRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.ListNetworksResponse>) responseObserver);
          break;
        case METHODID_WATCH_NETWORKS:
          serviceImpl.watchNetworks((io.github.vmplumb.v1.WatchNetworksRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.WatchNetworksResponse>) responseObserver);
          break;
        case METHODID_CHECK_NETWORK:
          serviceImpl.checkNetwork((io.github.vmplumb.v1.CheckNetworkRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CheckNetworkResponse>) responseObserver);
          break;
        case METHODID_DESCRIBE_NETWORK:
          serviceImpl.describeNetwork((io.github.vmplumb.v1.DescribeNetworkRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DescribeNetworkResponse>) responseObserver);
          break;
        case METHODID_COLLECT_GARBAGE:
          serviceImpl.collectGarbage((io.github.vmplumb.v1.CollectGarbageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CollectGarbageResponse>) responseObserver);
          break;
        case METHODID_DIAGNOSE_HOST:
          serviceImpl.diagnoseHost((io.github.vmplumb.v1.DiagnoseHostRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.DiagnoseHostResponse>) responseObserver);
          break;
        case METHODID_CORDON_HOST:
          serviceImpl.cordonHost((io.github.vmplumb.v1.CordonHostRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.CordonHostResponse>) responseObserver);
          break;
        case METHODID_GET_STATUS:
          serviceImpl.getStatus((io.github.vmplumb.v1.GetStatusRequest) request,
              (io.grpc.stub.StreamObserver<io.github.vmplumb.v1.GetStatusResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getSetupNetworkMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.vmplumb.v1.SetupNetworkRequest,
              io.github.vmplumb.v1.SetupNetworkResponse>(
                service, METHODID_SETUP_NETWORK)))
        .addMethod(
          getTeardownNetworkMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.vmplumb.v1.TeardownNetworkRequest,
              io.github.vmplumb.v1.TeardownNetworkResponse>(
                service, METHODID_TEARDOWN_NETWORK)))
        .addMethod(
          getGetNetworkMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.GetNetworkRequest,
              io.github.vmplumb.v1.GetNetworkResponse>(
                service, METHODID_GET_NETWORK)))
        .addMethod(
          getListNetworksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.ListNetworksRequest,
              io.github.vmplumb.v1.ListNetworksResponse>(
                service, METHODID_LIST_NETWORKS)))
        .addMethod(
          getWatchNetworksMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.vmplumb.v1.WatchNetworksRequest,
              io.github.vmplumb.v1.WatchNetworksResponse>(
                service, METHODID_WATCH_NETWORKS)))
        .addMethod(
          getCheckNetworkMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.CheckNetworkRequest,
              io.github.vmplumb.v1.CheckNetworkResponse>(
                service, METHODID_CHECK_NETWORK)))
        .addMethod(
          getDescribeNetworkMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.DescribeNetworkRequest,
              io.github.vmplumb.v1.DescribeNetworkResponse>(
                service, METHODID_DESCRIBE_NETWORK)))
        .addMethod(
          getCollectGarbageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.CollectGarbageRequest,
              io.github.vmplumb.v1.CollectGarbageResponse>(
                service, METHODID_COLLECT_GARBAGE)))
        .addMethod(
          getDiagnoseHostMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.DiagnoseHostRequest,
              io.github.vmplumb.v1.DiagnoseHostResponse>(
                service, METHODID_DIAGNOSE_HOST)))
        .addMethod(
          getCordonHostMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.CordonHostRequest,
              io.github.vmplumb.v1.CordonHostResponse>(
                service, METHODID_CORDON_HOST)))
        .addMethod(
          getGetStatusMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.vmplumb.v1.GetStatusRequest,
              io.github.vmplumb.v1.GetStatusResponse>(
                service, METHODID_GET_STATUS)))
        .build();
  }

  private static abstract class NetworkAgentServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    NetworkAgentServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.vmplumb.v1.NetworkAgentServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("NetworkAgentService");
    }
  }

  private static final class NetworkAgentServiceFileDescriptorSupplier
      extends NetworkAgentServiceBaseDescriptorSupplier {
    NetworkAgentServiceFileDescriptorSupplier() {}
  }

  private static final class NetworkAgentServiceMethodDescriptorSupplier
      extends NetworkAgentServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    NetworkAgentServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (NetworkAgentServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new NetworkAgentServiceFileDescriptorSupplier())
              .addMethod(getSetupNetworkMethod())
              .addMethod(getTeardownNetworkMethod())
              .addMethod(getGetNetworkMethod())
              .addMethod(getListNetworksMethod())
              .addMethod(getWatchNetworksMethod())
              .addMethod(getCheckNetworkMethod())
              .addMethod(getDescribeNetworkMethod())
              .addMethod(getCollectGarbageMethod())
              .addMethod(getDiagnoseHostMethod())
              .addMethod(getCordonHostMethod())
              .addMethod(getGetStatusMethod())
              .build();
        }
      }
    }
    return result;
  }
}
