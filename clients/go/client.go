// Package vmplumb is the client of vmplumbd, the host agent that gives microVMs their networks.
//
//	client, err := vmplumb.Dial("unix:///run/vmplumb/vmplumbd.sock", vmplumb.Options{})
//	result, err := client.SetUp(ctx, vmplumb.CNI("vm-1", "fcnet"), nil)
//
// SetUp, TearDown and Watch go on over broken connections and restarts of the agent. Every error of a call is
// an [*Error]. A context that ends ends the call and not the operation: the same call again attaches to it.
package vmplumb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
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

// Options are choices for Dial; none has to be set.
type Options struct {
	TLS   *tls.Config       // for TCP, which is served with mutual TLS alone
	Retry Retry             // how long to try on while no agent answers
	GRPC  []grpc.DialOption // gRPC's own
}

// Retry says how long a client tries on while no agent answers. The wait doubles with each try, with jitter.
type Retry struct {
	Attempts int           // tries in a row without an answer, the first included; 0 means 6, some three seconds
	First    time.Duration // wait before the second try; 0 means 100 ms
	Most     time.Duration // between two tries; 0 means 5 s
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
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, err
}

// Dial makes a client for "unix:///path", or for "host:port" with TLS. It connects when first used.
func Dial(target string, options Options) (*Client, error) {
	security := insecure.NewCredentials()
	if options.TLS != nil {
		security = credentials.NewTLS(options.TLS)
	} else if !strings.HasPrefix(target, "unix") {
		return nil, fmt.Errorf("%s is not a Unix socket: TCP needs TLS", target)
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(security),
		// The back-off between calls is Retry's; gRPC's own would fail calls after an agent's restart.
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 20 * time.Second,
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second}}),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return typed(invoke(ctx, method, req, reply, conn, opts...))
		}),
	}, options.GRPC...)...)
	if err != nil {
		return nil, err
	}
	return &Client{vmplumbv1.NewNetworkAgentServiceClient(conn), conn, options.Retry}, nil
}

// Close ends every call and the connection. Operations go on.
func (c *Client) Close() error { return c.conn.Close() }

// CNI is the request of a VM with one interface, made by the CNI network of that name.
func CNI(vmID, network string) *vmplumbv1.SetupNetworkRequest {
	one := &vmplumbv1.NetworkInterface{CniConfiguration: &vmplumbv1.CNIConfiguration{NetworkName: network}}
	all := &vmplumbv1.NetworkInterfaces{Interfaces: []*vmplumbv1.NetworkInterface{one}}
	return &vmplumbv1.SetupNetworkRequest{VmId: vmID, Spec: &vmplumbv1.NetworkSpec{NetworkInterfaces: all}}
}

// SetUp makes, or finds, the network of a VM; the same request gives the same answer. `progress`, if not nil,
// is told each event once, in order, over every broken stream; it must not block for long. With ValidateOnly
// nothing is done, and the result is nil.
func (c *Client) SetUp(ctx context.Context, request *vmplumbv1.SetupNetworkRequest,
	progress func(*vmplumbv1.SetupNetworkResponse)) (*vmplumbv1.SetupResult, error) {
	asked := proto.CloneOf(request)
	result, err := follow(ctx, c, progress, func(ctx context.Context, from *vmplumbv1.ResumePosition) (
		stream[*vmplumbv1.SetupNetworkResponse], error) {
		asked.Resume = from
		return c.SetupNetwork(ctx, asked)
	})
	if asked.ValidateOnly && err == errNoResult {
		err = nil
	}
	return result, err
}

// TearDown removes the network of a VM, or attaches to its teardown, and ends a running set-up. Nothing there
// is success: Existed is false then. `progress` as for SetUp.
func (c *Client) TearDown(ctx context.Context, request *vmplumbv1.TeardownNetworkRequest,
	progress func(*vmplumbv1.TeardownNetworkResponse)) (*vmplumbv1.TeardownResult, error) {
	asked := proto.CloneOf(request)
	return follow(ctx, c, progress, func(ctx context.Context, from *vmplumbv1.ResumePosition) (
		stream[*vmplumbv1.TeardownNetworkResponse], error) {
		asked.Resume = from
		return c.TeardownNetwork(ctx, asked)
	})
}
