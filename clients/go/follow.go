package vmplumb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"

	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

var errNoResult = &Error{Code: codes.Internal, Message: "the stream ended well but without a result"}

type stream[E any] interface{ Recv() (E, error) }

type event[R any] interface {
	GetUid() string
	GetSequence() uint64
	GetProgress() *vmplumbv1.Progress
	GetResult() *R
}

// follow sees one operation to its end, over as many streams as it takes.
func follow[E event[R], R any](ctx context.Context, c *Client, progress func(E),
	open func(context.Context, *vmplumbv1.ResumePosition) (stream[E], error)) (*R, error) {
	ctx, cancel := context.WithCancel(ctx) // ends a stream that is left before its end
	defer cancel()
	var seen, from *vmplumbv1.ResumePosition
	for failures := 1; ; failures++ {
		events, err := open(ctx, from)
		for err == nil {
			var one E
			if one, err = events.Recv(); err != nil {
				break
			}
			if result := one.GetResult(); result != nil {
				return result, nil
			}
			if failures = 1; seen.GetUid() != one.GetUid() { // the one before has ended: what it did is undone
				seen = &vmplumbv1.ResumePosition{Uid: one.GetUid()}
			}
			if one.GetSequence() > seen.Sequence {
				seen.Sequence = one.GetSequence()
				if progress != nil && one.GetProgress() != nil {
					progress(one)
				}
			}
		}
		if err == io.EOF {
			return nil, errNoResult
		}
		if err = typed(err); from != nil && errors.Is(err, reason.ResumePositionLost) {
			from = nil // as the contract says; `seen` stays, so that a replay is known for one
		} else if err = c.wait(ctx, failures, err); err != nil {
			return nil, err
		} else {
			from = seen
		}
	}
}

// wait returns nil after the time until the next try, or the error if there is to be none. Tried again is what
// says that nobody was there; an operation that ended UNAVAILABLE has ended.
func (c *Client) wait(ctx context.Context, failures int, err error) error {
	// A server that goes cancels what it could not answer any more.
	dropped := errors.Is(err, context.Canceled) && ctx.Err() == nil && c.conn.GetState() != connectivity.Shutdown
	if !dropped && !errors.Is(err, ErrUnreachable) && !errors.Is(err, reason.AgentNotReady) ||
		failures >= cmp.Or(c.retry.Attempts, 6) {
		return err
	}
	most := cmp.Or(c.retry.Most, 5*time.Second)
	span := min(most, cmp.Or(c.retry.First, 100*time.Millisecond)<<min(failures-1, 16))
	hint := min(most, err.(*Error).RetryAfter)
	select {
	case <-time.After(max(hint, span/2+rand.N(span/2+1))):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w, after: %w", ctx.Err(), err)
	}
}

// Change is one event of a watch: a record after a change (PHASE_REMOVED says it is gone), or, with a nil
// Network, the sign that all up to Revision has been seen. Revision is a value for AfterRevision then.
type Change struct {
	Revision uint64
	Network  *vmplumbv1.VMNetwork
}

// Watch follows changes until the loop or the context ends: every record there is, then a sign without a
// network, then changes; with AfterRevision only changes after it. A broken stream is resumed: no change comes
// twice, no removal is left out. An error is the last thing it yields; reason.ResumePositionLost comes only
// for a position of the caller's own.
func (c *Client) Watch(ctx context.Context, request *vmplumbv1.WatchNetworksRequest) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watch := watch{proto.CloneOf(request), map[string]*vmplumbv1.VMNetwork{}, nil}
		for failures := 1; ; failures++ {
			watch.inSnapshot = map[string]bool{} // one that broke begins anew
			changes, err := c.WatchNetworks(ctx, watch.asked)
			for err == nil {
				var one *vmplumbv1.WatchNetworksResponse
				if one, err = changes.Recv(); err == nil {
					failures = 1
				}
				for _, change := range watch.take(one) {
					if !yield(change, nil) {
						return
					}
				}
			}
			if err = typed(err); err == io.EOF { // only the caller may end a watch
				err = &Error{Code: codes.Unavailable, Message: "the agent ended the watch"}
			}
			if errors.Is(err, reason.ResumePositionLost) &&
				request.AfterRevision == nil && watch.asked.AfterRevision != nil {
				watch.asked.AfterRevision = nil // made good by a new snapshot
			} else if err = c.wait(ctx, failures, err); err != nil {
				yield(Change{}, err)
				return
			}
		}
	}
}

type watch struct {
	asked      *vmplumbv1.WatchNetworksRequest
	told       map[string]*vmplumbv1.VMNetwork // what the caller knows of and is not gone
	inSnapshot map[string]bool
}

func (w *watch) take(one *vmplumbv1.WatchNetworksResponse) (changes []Change) {
	if network := one.GetNetwork(); network != nil {
		w.inSnapshot[network.VmId] = true
		if told := w.told[network.VmId]; told.GetUid() != network.Uid || told.GetRevision() != network.Revision {
			w.told[network.VmId], changes = network, []Change{{one.Revision, network}}
		}
		if network.Phase == vmplumbv1.Phase_PHASE_REMOVED {
			delete(w.told, network.VmId)
		}
	} else if one.GetBookmark() != nil { // else it is of a kind that a newer agent knows
		for _, vmID := range slices.Sorted(maps.Keys(w.told)) {
			if w.asked.AfterRevision == nil && !w.inSnapshot[vmID] { // removed while the watch was broken
				changes = append(changes, Change{one.Revision, &vmplumbv1.VMNetwork{VmId: vmID, Uid: w.told[vmID].Uid,
					Revision: one.Revision, Phase: vmplumbv1.Phase_PHASE_REMOVED}})
				delete(w.told, vmID)
			}
		}
		changes = append(changes, Change{Revision: one.Revision})
	}
	if w.asked.AfterRevision != nil || one.GetBookmark() != nil { // a snapshot is in the order of ids
		w.asked.AfterRevision = proto.Uint64(max(w.asked.GetAfterRevision(), one.GetRevision()))
	}
	return changes
}
