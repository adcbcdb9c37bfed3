package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

const (
	// How often is looked whether an agent that does not answer is still there, and what it is given to prove itself.
	poll  = 500 * time.Millisecond
	proof = time.Second
	// So many agents that seem full are asked whether they are, before a fleet is said to have no room.
	askedAnyway = 5
	// What was begun is taken back though the caller's context has ended, within this time.
	cleanUp = 30 * time.Second
)

// What an agent answers that another may do: nothing of the VM is left there then, or it is torn down first.
var elsewhere = []reason.Reason{
	reason.TooManyNetworks, reason.TooManyOperations, reason.AddressesExhausted, reason.HostLimitReached,
	reason.LimitExceeded, reason.AgentNotReady, reason.CNINetworkNotFound, reason.CNIPluginUnavailable,
	reason.Unsupported, reason.JournalFailed,
}

// NoAgent says that no agent of the fleet has room for the network, or none has it.
type NoAgent struct {
	Wanted []string         // the networks
	Tried  map[string]error // what each agent that was asked answered, by its id
}

func (e *NoAgent) Error() string {
	said := "no agent has room for " + cmp.Or(strings.Join(e.Wanted, ", "), "the network")
	for _, id := range slices.Sorted(maps.Keys(e.Tried)) {
		said += fmt.Sprintf("; %s: %v", id, e.Tried[id])
	}
	return said
}

// Placed is a network and the agent that made it.
type Placed struct {
	Agent  *vmplumbv1.FleetAgent
	Result *vmplumbv1.SetupResult
}

// SetUp makes, or finds, the network of a VM at one agent, never at two, and says at which. `progress` is told what
// happens there, as by [vmplumb.Client.SetUp].
//
// An agent that is full or drains is left for the next best, after it was asked to take back what it may have
// begun. One that does not answer is waited for, until it answers or its lease has ended: only then is its host
// lost, and another may do it. Give ctx a deadline that is longer than the fleet's leases. When it ends, the
// network may be there or come: the same call finds it, TearDown removes it. The error is a [*NoAgent], or that of
// an agent whose refusal another would repeat.
func (f *Fleet) SetUp(ctx context.Context, request *vmplumbv1.SetupNetworkRequest, labels Labels,
	progress func(*vmplumbv1.SetupNetworkResponse)) (*Placed, error) {
	if request.ValidateOnly {
		return nil, errors.New("a request that only validates is placed nowhere: ask an agent")
	}
	lacking := &NoAgent{Wanted: networksOf(request.Spec), Tried: map[string]error{}}
	for {
		agent, err := f.choose(ctx, request.VmId, labels, lacking)
		if err != nil {
			return nil, err
		}
		result, err := called(ctx, f, agent, func(ctx context.Context, client *vmplumb.Client) (*vmplumbv1.SetupResult, error) {
			return client.SetUp(ctx, request, progress)
		})
		switch {
		case err == nil:
			if stands, err := f.stands(ctx, request.VmId, agent); stands || err != nil {
				return &Placed{agent, result}, err
			}
		case slices.ContainsFunc(elsewhere, func(one reason.Reason) bool { return errors.Is(err, one) }):
			left, failed := f.left(ctx, request.VmId, agent, true)
			if failed != nil {
				return nil, errors.Join(err, failed)
			}
			if left {
				lacking.Tried[agent.Id] = err
			}
		case errors.Is(err, errSilent):
			delete(lacking.Tried, agent.Id)
		default:
			if refused := (*vmplumb.Error)(nil); errors.As(err, &refused) && refused.Reason != "" {
				// The agent's word counts; that a place is kept in vain does not hide it.
				_, _ = f.left(ctx, request.VmId, agent, false)
			}
			return nil, err
		}
	}
}

// choose gives the agent where a VM is placed, after it was placed at the best one if it was at none.
func (f *Fleet) choose(ctx context.Context, vmID string, labels Labels, lacking *NoAgent) (*vmplumbv1.FleetAgent, error) {
	for {
		agents, err := f.Agents(ctx)
		if err != nil {
			return nil, err
		}
		place, err := f.store.get(ctx, f.places+vmID)
		if err != nil {
			return nil, err
		}
		if agent := byID(agents, place.of()); agent != nil {
			return agent, nil
		}
		// Nobody has it, or who had it is lost.
		left := candidates(agents, lacking, labels)
		if len(left) == 0 {
			if err := f.forget(ctx, vmID, place); err != nil {
				return nil, errors.Join(lacking, err)
			}
			return nil, lacking
		}
		agent := ordered(left)[0]
		done, _, err := f.store.swap(ctx, f.places+vmID, place, agent.Id)
		if done || err != nil {
			return agent, err
		}
		// Another caller was first.
	}
}

// errSilent says that an agent did not answer, and the fleet is to be asked again.
var errSilent = errors.New("the agent does not answer")

// called gives what an agent answers, or errSilent. A host that is lost may leave its connections open, silent for
// ever: its lease is watched beside the call.
func called[R any](ctx context.Context, f *Fleet, agent *vmplumbv1.FleetAgent,
	call func(context.Context, *vmplumb.Client) (*R, error)) (*R, error) {
	client, err := f.Client(agent)
	if err != nil {
		return nil, err
	}
	there, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go f.endOnceLost(there, ended, agent, client)
	result, err := call(there, client)
	switch {
	case err == nil:
		return result, nil
	case context.Cause(there) == errSilent && ctx.Err() == nil:
		return nil, errSilent
	case !errors.Is(err, vmplumb.ErrUnreachable):
		return nil, err
	}
	select {
	case <-time.After(poll):
		return nil, errSilent
	case <-ctx.Done():
		return nil, fmt.Errorf("%w, after: %w", ctx.Err(), err)
	}
}

// endOnceLost ends a call at an agent whose lease has ended, unless it is only etcd that does not hear of it.
func (f *Fleet) endOnceLost(ctx context.Context, end context.CancelCauseFunc, agent *vmplumbv1.FleetAgent, client *vmplumb.Client) {
	look := time.NewTicker(poll)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		// What etcd cannot tell is not known.
		if found, err := f.store.get(ctx, f.agents+agent.Id); err == nil && found == nil && !answers(ctx, client) {
			end(errSilent)
			return
		}
	}
}

// answers tells whether an agent says anything at all.
func answers(ctx context.Context, client *vmplumb.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, proof)
	defer cancel()
	_, err := client.GetStatus(ctx, &vmplumbv1.GetStatusRequest{})
	var said *vmplumb.Error
	return err == nil || errors.As(err, &said) && said.Reason != ""
}

// stands tells whether a network that was just made is where the VM is placed, once another caller had its say. It
// is torn down if it is not.
func (f *Fleet) stands(ctx context.Context, vmID string, agent *vmplumbv1.FleetAgent) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	place, err := f.store.get(ctx, f.places+vmID)
	if err == nil && place == nil {
		// Another caller was refused here, and gave the place up before this one's network stood.
		var done bool
		if done, place, err = f.store.swap(ctx, f.places+vmID, nil, agent.Id); done {
			return true, nil
		}
	}
	if err != nil || place.of() == agent.Id {
		return err == nil, err
	}
	client, err := f.Client(agent)
	if err != nil {
		return false, err
	}
	found, err := client.GetNetwork(ctx, &vmplumbv1.GetNetworkRequest{VmId: vmID}, grpc.WaitForReady(true))
	if err == nil {
		_, err = client.TearDown(ctx, &vmplumbv1.TeardownNetworkRequest{VmId: vmID, Uid: found.Network.Uid}, nil)
	}
	if errors.Is(err, reason.VMNotFound) {
		err = nil
	}
	return false, err
}

// left tells whether nothing of a VM is at an agent that refused it, and gives its place up then. With `failed`, a
// record of a set-up that failed there is torn down first; else it stays, with its place.
func (f *Fleet) left(ctx context.Context, vmID string, agent *vmplumbv1.FleetAgent, failed bool) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	place, err := f.store.get(ctx, f.places+vmID)
	if err != nil || place.of() != agent.Id {
		return err == nil, err // another caller has left it already
	}
	client, err := f.Client(agent)
	if err != nil {
		return false, err
	}
	found, err := client.GetNetwork(ctx, &vmplumbv1.GetNetworkRequest{VmId: vmID}, grpc.WaitForReady(true))
	switch {
	case errors.Is(err, reason.VMNotFound):
	case err != nil:
		return false, err
	case !failed || found.Network.Phase != vmplumbv1.Phase_PHASE_FAILED:
		return false, nil // another caller's call is at work there, or has succeeded
	default:
		asked := &vmplumbv1.TeardownNetworkRequest{VmId: vmID, Uid: found.Network.Uid}
		if _, err := client.TearDown(ctx, asked, nil); err != nil {
			return false, err
		}
	}
	return true, f.forget(ctx, vmID, place)
}

// TearDown removes the network of a VM, wherever it is. The result is nil if nobody has it, or who had it is lost.
// An agent that does not answer is waited for as by [Fleet.SetUp].
func (f *Fleet) TearDown(ctx context.Context, request *vmplumbv1.TeardownNetworkRequest,
	progress func(*vmplumbv1.TeardownNetworkResponse)) (*vmplumbv1.TeardownResult, error) {
	for {
		place, err := f.store.get(ctx, f.places+request.VmId)
		if err != nil || place == nil {
			return nil, err
		}
		agents, err := f.Agents(ctx)
		if err != nil {
			return nil, err
		}
		var result *vmplumbv1.TeardownResult
		if agent := byID(agents, place.of()); agent != nil {
			result, err = called(ctx, f, agent, func(ctx context.Context, client *vmplumb.Client) (*vmplumbv1.TeardownResult, error) {
				return client.TearDown(ctx, request, progress)
			})
			if errors.Is(err, errSilent) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		return result, f.forget(ctx, request.VmId, place)
	}
}

func (f *Fleet) forget(ctx context.Context, vmID string, place *item) error {
	if place == nil {
		return nil
	}
	_, _, err := f.store.swap(ctx, f.places+vmID, place, "")
	return err
}

// Fits tells whether an agent takes new networks, has these labels, and a free address in each of these networks.
func Fits(agent *vmplumbv1.FleetAgent, networks []string, labels Labels) bool {
	return has(agent, networks, labels) && agent.NetworksLive < agent.NetworksMax &&
		!slices.ContainsFunc(agent.Networks, func(one *vmplumbv1.FleetNetwork) bool {
			return slices.Contains(networks, one.Name) && one.AddressesFree != nil && *one.AddressesFree <= 0
		})
}

func has(agent *vmplumbv1.FleetAgent, networks []string, labels Labels) bool {
	for key, value := range labels {
		if told, ok := agent.Labels[key]; !ok || told != value {
			return false
		}
	}
	for _, name := range networks {
		if !slices.ContainsFunc(agent.Networks, func(one *vmplumbv1.FleetNetwork) bool { return one.Name == name }) {
			return false
		}
	}
	return !agent.Draining
}

func candidates(agents []*vmplumbv1.FleetAgent, lacking *NoAgent, labels Labels) []*vmplumbv1.FleetAgent {
	left := keep(agents, func(one *vmplumbv1.FleetAgent) bool { return lacking.Tried[one.Id] == nil })
	fitting := keep(left, func(one *vmplumbv1.FleetAgent) bool { return Fits(one, lacking.Wanted, labels) })
	if len(fitting) > 0 || len(lacking.Tried) >= askedAnyway {
		return fitting
	}
	// What is told is a moment old: of those that seem full, some are asked all the same.
	return keep(left, func(one *vmplumbv1.FleetAgent) bool { return has(one, lacking.Wanted, labels) })
}

// ordered puts the emptiest first. What they tell is seconds old, so callers at once should not all take one.
func ordered(agents []*vmplumbv1.FleetAgent) []*vmplumbv1.FleetAgent {
	rand.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] })
	slices.SortStableFunc(agents, func(a, b *vmplumbv1.FleetAgent) int { return cmp.Compare(used(a), used(b)) })
	return agents
}

// used is how many tenths of an agent are taken: what it holds and what it is about to.
func used(agent *vmplumbv1.FleetAgent) float64 {
	return math.Round(10 * float64(agent.NetworksLive+agent.Operations) / float64(max(1, agent.NetworksMax)))
}

func networksOf(spec *vmplumbv1.NetworkSpec) (names []string) {
	for _, one := range spec.GetNetworkInterfaces().GetInterfaces() {
		if name := one.GetCniConfiguration().GetNetworkName(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func byID(agents []*vmplumbv1.FleetAgent, id string) *vmplumbv1.FleetAgent {
	for _, one := range agents {
		if one.Id == id {
			return one
		}
	}
	return nil
}

// keep is those that hold, in a slice of its own.
func keep(agents []*vmplumbv1.FleetAgent, holds func(*vmplumbv1.FleetAgent) bool) (kept []*vmplumbv1.FleetAgent) {
	for _, one := range agents {
		if holds(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
