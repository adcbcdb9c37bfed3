// Package fleet has many agents as one: found by what they tell of themselves in an etcd, called as each one is.
//
//	agents, err := fleet.Dial([]string{"etcd-1:2379"}, fleet.Options{TLS: etcd, Agents: vmplumb.Options{TLS: agent}})
//	placed, err := agents.SetUp(ctx, vmplumb.CNI("vm-1", "fcnet"), fleet.Labels{"zone": "a"}, nil)
//
// Agents tell who they are and roughly what they have left, under a lease; a host that is lost vanishes with it.
// Where a VM's network was placed is a key beside them, changed only by comparing: so two callers with one VM
// never make two networks, whatever either of them saw. The rule is the one of vmplumb.fleet in Python, and both
// may serve one fleet.
package fleet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// DefaultPrefix is where agents tell of themselves unless their operator says another place.
const DefaultPrefix = "/vmplumb/v1"

// ErrAway says that no member of etcd answered: nothing is known then, and whether a change was made neither.
var ErrAway = errors.New("no member of etcd answers")

// How many agents are asked at once for what they have.
const askedAtOnce = 16

// Labels are what an operator says of a host, or what a caller wants of one.
type Labels = map[string]string

// Options are choices for Dial; none has to be set.
type Options struct {
	TLS      *tls.Config     // etcd's
	Agents   vmplumb.Options // for every agent; TLS is not used for one on a Unix socket
	Prefix   string          // "" is DefaultPrefix
	Patience time.Duration   // how long one member of etcd may take to answer; 0 means 5 s
}

// Fleet is the agents below one prefix of one etcd. It is safe for use by many goroutines. What etcd refuses is
// an error of its own client, or ErrAway; what an agent refuses is a [*vmplumb.Error].
type Fleet struct {
	store          store
	agents, places string
	options        vmplumb.Options
	lock           sync.Mutex
	clients        map[connection]*vmplumb.Client
}

type connection struct{ address, serverName string }

// Dial makes a fleet of the members of an etcd, each "host:port". It connects when first used.
func Dial(endpoints []string, options Options) (*Fleet, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: options.TLS, Logger: zap.NewNop(),
		DialKeepAliveTime: 15 * time.Second, DialKeepAliveTimeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	made := &Fleet{store: store{client, options.Patience}, options: options.Agents, clients: map[connection]*vmplumb.Client{}}
	if made.store.patience == 0 {
		made.store.patience = 5 * time.Second
	}
	prefix := strings.TrimRight(options.Prefix, "/")
	if prefix == "" {
		prefix = DefaultPrefix
	}
	made.agents, made.places = prefix+"/agents/", prefix+"/places/"
	return made, nil
}

// Close ends the connections to etcd and to agents. Networks and operations stay.
func (f *Fleet) Close() error {
	f.lock.Lock()
	defer f.lock.Unlock()
	failed := f.store.client.Close()
	for _, one := range f.clients {
		failed = errors.Join(failed, one.Close())
	}
	clear(f.clients)
	return failed
}

// Client is the client of one agent. It belongs to the fleet: Close closes it.
func (f *Fleet) Client(agent *vmplumbv1.FleetAgent) (*vmplumb.Client, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	key := connection{agent.Address, agent.ServerName}
	if made := f.clients[key]; made != nil {
		return made, nil
	}
	options := f.options
	if strings.HasPrefix(agent.Address, "unix") {
		options.TLS = nil
	} else if options.TLS != nil && agent.ServerName != "" {
		options.TLS = options.TLS.Clone()
		options.TLS.ServerName = agent.ServerName
	}
	made, err := vmplumb.Dial(agent.Address, options)
	if err == nil {
		f.clients[key] = made
	}
	return made, err
}

// Agents is every agent there is now, by id.
func (f *Fleet) Agents(ctx context.Context) ([]*vmplumbv1.FleetAgent, error) {
	agents, _, err := f.read(ctx)
	return agents, err
}

func (f *Fleet) read(ctx context.Context) (agents []*vmplumbv1.FleetAgent, revision int64, err error) {
	_, values, revision, err := f.store.read(ctx, f.agents)
	for _, value := range values {
		one, failed := parse(value)
		agents, err = append(agents, one), errors.Join(err, failed)
	}
	return agents, revision, err
}

func parse(value []byte) (*vmplumbv1.FleetAgent, error) {
	agent := &vmplumbv1.FleetAgent{}
	return agent, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(value, agent) // a newer one may tell more
}

// Find is the agents that have the network ("" for any), room in it and those labels, the best first.
func (f *Fleet) Find(ctx context.Context, network string, labels Labels) ([]*vmplumbv1.FleetAgent, error) {
	agents, err := f.Agents(ctx)
	var networks []string
	if network != "" {
		networks = []string{network}
	}
	return ordered(keep(agents, func(one *vmplumbv1.FleetAgent) bool { return Fits(one, networks, labels) })), err
}

// Change is an agent as it is now; a nil Agent is one that is gone.
type Change struct {
	AgentID string
	Agent   *vmplumbv1.FleetAgent
}

// Watch gives every agent, then every change of one, in order, until the loop or the context ends. It goes on over
// members of etcd that are lost or have lost the others, and waits while none can tell. An error is the last thing it
// yields: begin again then.
func (f *Fleet) Watch(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		agents, revision, err := f.read(ctx)
		if err != nil {
			yield(Change{}, err)
			return
		}
		for _, one := range agents {
			if !yield(Change{one.Id, one}, nil) {
				return
			}
		}
		for {
			for event, err := range f.store.watch(ctx, f.agents, revision+1) {
				if err != nil {
					yield(Change{}, err)
					return
				}
				change := Change{AgentID: string(event.Kv.Key[len(f.agents):])}
				if event.Type != clientv3.EventTypeDelete {
					change.Agent, err = parse(event.Kv.Value)
				}
				if !yield(change, err) || err != nil {
					return
				}
				revision = event.Kv.ModRevision
			}
			select { // the member has lost the others
			case <-time.After(poll):
			case <-ctx.Done():
				yield(Change{}, ctx.Err())
				return
			}
		}
	}
}

// Where is the id of the agent that has, or is about to have, a VM's network; "" if none has.
func (f *Fleet) Where(ctx context.Context, vmID string) (string, error) {
	place, err := f.store.get(ctx, f.places+vmID)
	return place.of(), err
}

// Placements is every VM and the id of the agent that has its network.
func (f *Fleet) Placements(ctx context.Context) (map[string]string, error) {
	names, values, _, err := f.store.read(ctx, f.places)
	placed := make(map[string]string, len(names))
	for number, name := range names {
		placed[name] = string(values[number])
	}
	return placed, err
}

// Stray is a network that an agent has, while another is said to have it: its host was lost, and has come back.
type Stray struct {
	Agent     *vmplumbv1.FleetAgent
	VMID, UID string
	PlacedAt  string
}

// Strays finds networks that stand where they are not placed any more: a TearDown of that UID by [Fleet.Client]
// removes one. Agents that cannot be asked are in the error, beside what the others have.
func (f *Fleet) Strays(ctx context.Context) ([]Stray, error) {
	agents, err := f.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var (
		all    sync.WaitGroup
		lock   sync.Mutex
		found  []Stray
		failed error
		gate   = make(chan struct{}, askedAtOnce)
	)
	for _, agent := range agents {
		all.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			networks, err := f.networks(ctx, agent)
			lock.Lock()
			defer lock.Unlock()
			failed = errors.Join(failed, err)
			for _, one := range networks {
				found = append(found, Stray{Agent: agent, VMID: one.VmId, UID: one.Uid})
			}
		})
	}
	all.Wait()
	// Read last: what moved meanwhile to an agent stands where it is placed.
	placed, err := f.Placements(ctx)
	if err != nil {
		return nil, err
	}
	strays := found[:0]
	for _, one := range found {
		if one.PlacedAt = placed[one.VMID]; one.PlacedAt != "" && one.PlacedAt != one.Agent.Id {
			strays = append(strays, one)
		}
	}
	slices.SortFunc(strays, func(a, b Stray) int {
		return cmp.Or(cmp.Compare(a.Agent.Id, b.Agent.Id), cmp.Compare(a.VMID, b.VMID))
	})
	return strays, failed
}

func (f *Fleet) networks(ctx context.Context, agent *vmplumbv1.FleetAgent) (all []*vmplumbv1.VMNetwork, err error) {
	ctx, cancel := context.WithTimeout(ctx, cleanUp)
	defer cancel()
	client, err := f.Client(agent)
	asked := &vmplumbv1.ListNetworksRequest{}
	for err == nil {
		var page *vmplumbv1.ListNetworksResponse
		// An agent that has just come back is waited for, not failed by the connection to the one before.
		if page, err = client.ListNetworks(ctx, asked, grpc.WaitForReady(true)); err == nil {
			all, asked.PageToken = append(all, page.Networks...), page.NextPageToken
			if asked.PageToken == "" {
				return all, nil
			}
		}
	}
	return all, fmt.Errorf("agent %s: %w", agent.Id, err)
}
