package vmplumb

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// Change is one event of a watch: a record after a change (PHASE_REMOVED says it is gone), or, with a nil
// Network, the sign that all up to Revision has been seen. Revision is a value for AfterRevision then.
type Change struct {
	Revision uint64
	Network  *vmplumbv1.VMNetwork
}

// Watch follows changes until the loop or the context ends: every record there is, then a sign without a
// network, then changes; with AfterRevision only changes after it. A broken stream is resumed: no change comes
// twice, no removal is left out. An error is the last thing it yields; ErrResumePositionLost comes only for
// a position of the caller's own.
func (c *Client) Watch(ctx context.Context, request *vmplumbv1.WatchNetworksRequest) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watch := watch{asked: proto.Clone(request).(*vmplumbv1.WatchNetworksRequest), told: map[string]place{}}
		patience := patience{Retry: c.retry}
		for {
			watch.inSnapshot = map[string]bool{} // one that broke begins anew
			changes, err := c.WatchNetworks(ctx, watch.asked)
			for err == nil {
				var one *vmplumbv1.WatchNetworksResponse
				if one, err = changes.Recv(); err != nil {
					break
				}
				patience.failures = 0
				for _, change := range watch.take(one) {
					if !yield(change, nil) {
						return
					}
				}
			}
			if err == io.EOF { // only the caller may end a watch: the agent went away
				err = &Error{Code: codes.Unavailable, Message: "the agent ended the watch"}
			}
			err = typed(err)
			if errors.Is(err, ErrResumePositionLost) && watch.asked.AfterRevision != nil && request.AfterRevision == nil {
				watch.asked.AfterRevision = nil // made good by a new snapshot
				continue
			}
			if err := patience.wait(ctx, err); err != nil {
				yield(Change{}, err)
				return
			}
		}
	}
}

type place struct {
	uid      string
	revision uint64
}

type watch struct {
	asked      *vmplumbv1.WatchNetworksRequest
	told       map[string]place // what the caller knows of and is not gone
	inSnapshot map[string]bool
}

func (w *watch) take(one *vmplumbv1.WatchNetworksResponse) (changes []Change) {
	if network := one.GetNetwork(); network != nil {
		w.inSnapshot[network.VmId] = true
		if w.asked.AfterRevision != nil {
			w.moveTo(one.Revision)
		}
		if (w.told[network.VmId] == place{network.Uid, network.Revision}) {
			return nil
		}
		w.told[network.VmId] = place{network.Uid, network.Revision}
		if network.Phase == vmplumbv1.Phase_PHASE_REMOVED {
			delete(w.told, network.VmId)
		}
		return []Change{{one.Revision, network}}
	}
	if one.GetBookmark() == nil {
		return nil // of a kind that a newer agent knows
	}
	if w.asked.AfterRevision == nil {
		// What was told before a break and is in no snapshot since was removed meanwhile.
		for _, vmID := range slices.Sorted(maps.Keys(w.told)) {
			if !w.inSnapshot[vmID] {
				changes = append(changes, Change{one.Revision, &vmplumbv1.VMNetwork{
					VmId: vmID, Uid: w.told[vmID].uid, Revision: one.Revision, Phase: vmplumbv1.Phase_PHASE_REMOVED,
				}})
				delete(w.told, vmID)
			}
		}
	}
	w.moveTo(one.Revision)
	return append(changes, Change{Revision: one.Revision})
}

func (w *watch) moveTo(revision uint64) {
	w.asked.AfterRevision = proto.Uint64(max(w.asked.GetAfterRevision(), revision))
}
