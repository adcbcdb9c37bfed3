package io.github.vmplumb;

import static io.github.vmplumb.v1.NetworkAgentServiceGrpc.getSetupNetworkMethod;
import static io.github.vmplumb.v1.NetworkAgentServiceGrpc.getTeardownNetworkMethod;

import io.github.vmplumb.Following.Told;
import io.github.vmplumb.Following.How;
import io.github.vmplumb.v1.CNIConfiguration;
import io.github.vmplumb.v1.NetworkAgentServiceGrpc;
import io.github.vmplumb.v1.NetworkInterface;
import io.github.vmplumb.v1.NetworkInterfaces;
import io.github.vmplumb.v1.NetworkSpec;
import io.github.vmplumb.v1.SetupNetworkRequest;
import io.github.vmplumb.v1.SetupResult;
import io.github.vmplumb.v1.TeardownNetworkRequest;
import io.github.vmplumb.v1.TeardownResult;
import io.github.vmplumb.v1.WatchNetworksRequest;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** One agent, over a Unix socket or mutual TLS. Safe for use by many threads at once. */
public final class Agent implements AutoCloseable {
  private final ManagedChannel channel;
  private final Retry retry;

  private Agent(ManagedChannel channel, Retry retry) {
    this.channel = channel;
    this.retry = retry;
  }

  /** Begin to say how to reach an agent at "unix:/run/vmplumb/vmplumbd.sock". Throws for TCP, which needs TLS. */
  public static Builder at(String target) {
    if (!target.startsWith("unix:")) {
      throw new IllegalArgumentException(target + " is not a Unix socket: TCP needs TLS");
    }
    return at(target, InsecureChannelCredentials.create());
  }

  /** Begin to say how to reach an agent at "host:port", over TLS. */
  public static Builder at(String target, ChannelCredentials tls) {
    // The details of a status take up to 6 KiB before base64, and gRPC's own bound is 8 KiB.
    return new Builder(Grpc.newChannelBuilder(target, tls).maxInboundMetadataSize(32 * 1024));
  }

  /** Mutual TLS by PEM: the authorities, the caller's chain, and its key. Throws for a file that cannot be read. */
  public static ChannelCredentials mutualTls(Path ca, Path chain, Path key) throws IOException {
    var tls = TlsChannelCredentials.newBuilder().trustManager(ca.toFile());
    return tls.keyManager(chain.toFile(), key.toFile()).build();
  }

  /** How to reach an agent. */
  public static final class Builder {
    private final ManagedChannelBuilder<?> channel;
    private Retry retry = Retry.DEFAULT;

    private Builder(ManagedChannelBuilder<?> channel) {
      this.channel = channel;
    }

    /** The name the agent's certificate is for, where it is not the target's. */
    public Builder serverName(String name) {
      channel.overrideAuthority(name);
      return this;
    }

    /** How long to try on while no agent answers. */
    public Builder retry(Retry policy) {
      retry = policy;
      return this;
    }

    /** Connects when first used. */
    public Agent dial() {
      return new Agent(channel.build(), retry);
    }
  }

  /** A spec of one interface, over a network that the operator has installed. */
  public static NetworkSpec cni(String networkName) {
    var cni = CNIConfiguration.newBuilder().setNetworkName(networkName);
    var one = NetworkInterface.newBuilder().setCniConfiguration(cni);
    return NetworkSpec.newBuilder().setNetworkInterfaces(NetworkInterfaces.newBuilder().addInterfaces(one)).build();
  }

  /** Make, or find, the network of a VM. The same call with the same spec gives the same answer. */
  public Call<ProgressEvent, SetupResult> setUp(String vmId, NetworkSpec spec) {
    return setUp(SetupNetworkRequest.newBuilder().setVmId(vmId).setSpec(spec).build());
  }

  /** The same, with all that a request may say; `resume` is this package's own affair. */
  public Call<ProgressEvent, SetupResult> setUp(SetupNetworkRequest request) {
    var how = new How<>(getSetupNetworkMethod(), request, at -> request.toBuilder().setResume(at).build(), it -> {
      var progress = it.hasProgress() ? it.getProgress() : null;
      var result = it.hasResult() ? it.getResult() : null;
      return new Told<>(it.getUid(), it.getSequence(), it.getEventTime(), it.getReplayed(), progress, result);
    });
    return new Following<>(channel, retry, how);
  }

  /** Remove the network of a VM, or attach to its teardown. Nothing there is success: `existed` is false. */
  public Call<ProgressEvent, TeardownResult> tearDown(String vmId) {
    return tearDown(TeardownNetworkRequest.newBuilder().setVmId(vmId).build());
  }

  /** The same, with all that a request may say. */
  public Call<ProgressEvent, TeardownResult> tearDown(TeardownNetworkRequest request) {
    var how = new How<>(getTeardownNetworkMethod(), request, at -> request.toBuilder().setResume(at).build(), it -> {
      var progress = it.hasProgress() ? it.getProgress() : null;
      var result = it.hasResult() ? it.getResult() : null;
      return new Told<>(it.getUid(), it.getSequence(), it.getEventTime(), it.getReplayed(), progress, result);
    });
    return new Following<>(channel, retry, how);
  }

  /**
   * Follow changes of these VMs, of all if none is named: every record there is, a bookmark, then changes.
   *
   * <p>A broken stream is resumed: no change comes twice, no removal is left out.
   */
  public Call<WatchEvent, Void> watch(String... vmIds) {
    return watch(WatchNetworksRequest.newBuilder().addAllVmIds(List.of(vmIds)).build());
  }

  /** The same, or only changes after a revision; RESUME_POSITION_LOST is thrown for such a position alone. */
  public Call<WatchEvent, Void> watch(WatchNetworksRequest request) {
    return new Watching(channel, retry, request);
  }

  /** Any other call of the contract, as {@code ask(stub -> stub.getNetwork(request))}, which may be made again. */
  public <A> A ask(Function<NetworkAgentServiceGrpc.NetworkAgentServiceBlockingStub, A> method) {
    for (int failures = 0; ; ) {
      try {
        return method.apply(NetworkAgentServiceGrpc.newBlockingStub(channel));
      } catch (StatusRuntimeException status) {
        retry.pause(new VmplumbException(status), ++failures, channel, null);
      }
    }
  }

  /** End every call and the connection. Operations go on. */
  @Override
  public void close() {
    channel.shutdownNow();
  }
}
