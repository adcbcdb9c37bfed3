// Package vmplumb is the client of vmplumbd, the host agent that gives microVMs their networks.
//
//	client, err := vmplumb.Dial("unix:///run/vmplumb/vmplumbd.sock")
//	result, err := client.SetUp(ctx, vmplumb.CNI("vm-1", "fcnet"), nil)
//
// SetUp, TearDown and Watch go on over broken connections and restarts of the agent. Every error of a call is
// an [*Error]. A context that ends ends the call and not the operation: the same call again attaches to it.
package vmplumb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// Client is one agent. It is safe for use by many goroutines. The RPCs that it embeds (GetNetwork,
// ListNetworks, CheckNetwork, GetStatus, ...) are one try each; what they return is an [*Error] too.
type Client struct {
	vmplumbv1.NetworkAgentServiceClient
	conn  *grpc.ClientConn
	retry Retry
}

// Retry says how long a client tries on while no agent answers. The wait doubles with each try, with jitter.
type Retry struct {
	Attempts    int // tries in a row without an answer, the first included
	First, Most time.Duration
}

// DefaultRetry is what Dial takes unless it is told otherwise: some three seconds.
var DefaultRetry = Retry{Attempts: 6, First: 100 * time.Millisecond, Most: 5 * time.Second}

// Option is a choice for Dial.
type Option func(*options)

type options struct {
	tls   *tls.Config
	retry Retry
	grpc  []grpc.DialOption
}

// WithTLS secures a connection over TCP; the agent wants a certificate of the caller's.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// WithRetry says how long to try on.
func WithRetry(retry Retry) Option { return func(o *options) { o.retry = retry } }

// WithDialOptions adds options of gRPC's own.
func WithDialOptions(more ...grpc.DialOption) Option {
	return func(o *options) { o.grpc = append(o.grpc, more...) }
}

// TLSFiles reads the PEM files of mutual TLS: the authority of the agent's certificate, and the caller's own
// certificate and key.
func TLSFiles(ca, cert, key string) (*tls.Config, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", ca)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Dial makes a client for "unix:///path", or for "host:port" with WithTLS. It connects when first used.
func Dial(target string, choices ...Option) (*Client, error) {
	chosen := options{retry: DefaultRetry}
	for _, choose := range choices {
		choose(&chosen)
	}
	security := insecure.NewCredentials()
	switch {
	case chosen.tls != nil:
		security = credentials.NewTLS(chosen.tls)
	case !strings.HasPrefix(target, "unix:") && !strings.HasPrefix(target, "unix-abstract:"):
		return nil, fmt.Errorf("%s is not a Unix socket: TCP needs TLS", target)
	}
	dial := append([]grpc.DialOption{
		grpc.WithTransportCredentials(security),
		// The back-off between calls is Retry's; gRPC's own would fail calls after an agent's restart.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second},
			MinConnectTimeout: 20 * time.Second,
		}),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return typed(invoke(ctx, method, req, reply, conn, opts...))
		}),
	}, chosen.grpc...)
	conn, err := grpc.NewClient(target, dial...)
	if err != nil {
		return nil, err
	}
	return &Client{vmplumbv1.NewNetworkAgentServiceClient(conn), conn, chosen.retry}, nil
}

// Close ends every call and the connection. Operations go on.
func (c *Client) Close() error { return c.conn.Close() }

// CNI is the request of a VM with one interface, made by the CNI network of that name.
func CNI(vmID, network string) *vmplumbv1.SetupNetworkRequest {
	return &vmplumbv1.SetupNetworkRequest{VmId: vmID, Spec: &vmplumbv1.NetworkSpec{
		NetworkInterfaces: &vmplumbv1.NetworkInterfaces{Interfaces: []*vmplumbv1.NetworkInterface{
			{CniConfiguration: &vmplumbv1.CNIConfiguration{NetworkName: network}},
		}},
	}}
}

// SetUp makes, or finds, the network of a VM; the same request gives the same answer. `progress`, if not nil,
// is told each event once, in order, over every broken stream; it must not block for long.
func (c *Client) SetUp(ctx context.Context, request *vmplumbv1.SetupNetworkRequest,
	progress func(*vmplumbv1.SetupNetworkResponse)) (*vmplumbv1.SetupResult, error) {
	asked := proto.Clone(request).(*vmplumbv1.SetupNetworkRequest)
	return follow(ctx, c.retry, progress, func(ctx context.Context, from *vmplumbv1.ResumePosition) (
		stream[*vmplumbv1.SetupNetworkResponse], error) {
		asked.Resume = from
		return c.SetupNetwork(ctx, asked)
	})
}

// Validate has a set-up checked and does nothing. It returns what SetUp would before its first effect.
func (c *Client) Validate(ctx context.Context, request *vmplumbv1.SetupNetworkRequest) error {
	asked := proto.Clone(request).(*vmplumbv1.SetupNetworkRequest)
	asked.ValidateOnly = true
	calls, err := c.SetupNetwork(ctx, asked)
	for err == nil {
		_, err = calls.Recv()
	}
	if err == io.EOF {
		return nil
	}
	return typed(err)
}

// TearDown removes the network of a VM, or attaches to its teardown, and ends a running set-up. Nothing there
// is success: Existed is false then. `progress` as for SetUp.
func (c *Client) TearDown(ctx context.Context, request *vmplumbv1.TeardownNetworkRequest,
	progress func(*vmplumbv1.TeardownNetworkResponse)) (*vmplumbv1.TeardownResult, error) {
	asked := proto.Clone(request).(*vmplumbv1.TeardownNetworkRequest)
	return follow(ctx, c.retry, progress, func(ctx context.Context, from *vmplumbv1.ResumePosition) (
		stream[*vmplumbv1.TeardownNetworkResponse], error) {
		asked.Resume = from
		return c.TeardownNetwork(ctx, asked)
	})
}

type stream[E any] interface{ Recv() (E, error) }

type event[R any] interface {
	GetUid() string
	GetSequence() uint64
	GetProgress() *vmplumbv1.Progress
	GetResult() *R
}

// follow sees one operation to its end, over as many streams as it takes.
func follow[E event[R], R any](ctx context.Context, retry Retry, progress func(E),
	open func(context.Context, *vmplumbv1.ResumePosition) (stream[E], error)) (*R, error) {
	ctx, cancel := context.WithCancel(ctx) // ends a stream that is left before its end
	defer cancel()
	var seen, from *vmplumbv1.ResumePosition
	patience := patience{Retry: retry}
	for {
		events, err := open(ctx, from)
		for err == nil {
			var one E
			if one, err = events.Recv(); err != nil {
				break
			}
			patience.failures = 0
			if result := one.GetResult(); result != nil {
				return result, nil
			}
			if seen.GetUid() != one.GetUid() { // the operation before has ended: what it did is undone
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
			return nil, &Error{Code: codes.Internal, Message: "the stream ended well but without a result"}
		}
		if err = typed(err); from != nil && errors.Is(err, ErrResumePositionLost) {
			from = nil // as the contract says; `seen` stays, so that a replay is known for one
			continue
		}
		if err := patience.wait(ctx, err); err != nil {
			return nil, err
		}
		from = seen
	}
}

type patience struct {
	Retry
	failures int
}

// wait returns nil after the time until the next try, or the error if there is to be none. Tried again is what
// says that nobody was there; an operation that ended UNAVAILABLE has ended.
func (p *patience) wait(ctx context.Context, err error) error {
	if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrAgentNotReady) {
		return err
	}
	if p.failures++; p.failures >= p.Attempts {
		return err
	}
	span := float64(min(p.Most, p.First<<min(p.failures-1, 30)))
	timer := time.NewTimer(min(p.Most, max(time.Duration(span*(0.5+rand.Float64()/2)), after(err))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w, after: %w", ctx.Err(), err)
	}
}

func after(err error) time.Duration {
	var said *Error
	if errors.As(err, &said) {
		return said.RetryAfter
	}
	return 0
}
