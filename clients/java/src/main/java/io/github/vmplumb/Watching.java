package io.github.vmplumb;

import static io.github.vmplumb.v1.NetworkAgentServiceGrpc.getWatchNetworksMethod;

import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.Phase;
import io.github.vmplumb.v1.VMNetwork;
import io.github.vmplumb.v1.WatchNetworksRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** One watch, without a change told twice or a removal left out. */
final class Watching extends Call<WatchEvent, Void> {
  private final WatchNetworksRequest asked;
  private final TreeMap<String, VMNetwork> told = new TreeMap<>(); // what the caller was told and is not gone
  private boolean inSnapshot; // until its bookmark
  private long position;

  Watching(ManagedChannel channel, Retry retry, WatchNetworksRequest asked) {
    super(channel, retry, Status.UNAVAILABLE.withDescription("the agent ended the watch"));
    this.asked = asked;
    inSnapshot = !asked.hasAfterRevision();
    position = asked.getAfterRevision();
  }

  @Override
  boolean stream(Channel channel, CallOptions options) {
    Set<String> snapshot = new HashSet<>(); // in the order of ids, not of revisions: one that broke begins anew
    var request = inSnapshot ? asked : asked.toBuilder().setAfterRevision(position).build();
    var answers = ClientCalls.blockingServerStreamingCall(channel, getWatchNetworksMethod(), options, request);
    while (answers.hasNext()) {
      var answer = answers.next();
      List<VMNetwork> changes = new ArrayList<>();
      if (answer.hasNetwork()) {
        snapshot.add(answer.getNetwork().getVmId());
        changes.add(answer.getNetwork());
      } else if (answer.hasBookmark() && inSnapshot) {
        // What was told before a break and is in no snapshot since was removed meanwhile.
        told.values().stream().filter(one -> !snapshot.contains(one.getVmId())).forEach(one -> {
          var gone = VMNetwork.newBuilder().setVmId(one.getVmId()).setUid(one.getUid());
          changes.add(gone.setRevision(answer.getRevision()).setPhase(Phase.PHASE_REMOVED).build());
        });
      }
      position = inSnapshot ? answer.getRevision() : Math.max(position, answer.getRevision());
      inSnapshot &= !answer.hasBookmark();
      for (VMNetwork one : changes) {
        String vm = one.getVmId();
        VMNetwork before = one.getPhase() == Phase.PHASE_REMOVED ? told.remove(vm) : told.put(vm, one);
        if (!one.equals(before) && tell(new WatchEvent(answer.getRevision(), Optional.of(one)))) {
          return true;
        }
      }
      if (answer.hasBookmark() && tell(new WatchEvent(answer.getRevision(), Optional.empty()))) {
        return true;
      }
    }
    return false;
  }

  /** A lost position is made good by a new snapshot, unless it was the caller's, who alone knows what it has seen. */
  @Override
  boolean forget(VmplumbException error) {
    boolean lost = error.reason == ErrorReason.ERROR_REASON_RESUME_POSITION_LOST;
    boolean forgotten = lost && !inSnapshot && !asked.hasAfterRevision();
    inSnapshot |= forgotten;
    return forgotten;
  }
}
