package vmplumb_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// refuser answers every set-up and GetNetwork with the reason that the VM is called after.
type refuser struct {
	vmplumbv1.UnimplementedNetworkAgentServiceServer
}

func refusal(vmID string) error {
	name := strings.ReplaceAll(strings.ToUpper(vmID), "-", "_")
	stat, err := status.New(codes.Aborted, "for people").WithDetails(
		&errdetails.ErrorInfo{Domain: "vmplumb.v1", Reason: name, Metadata: map[string]string{"vm_id": vmID, "limit": "some"}},
		&vmplumbv1.Failure{Reason: vmplumbv1.ErrorReason(vmplumbv1.ErrorReason_value["ERROR_REASON_"+name]), Hint: "is it on?"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "spec.netns_path", Reason: "string.pattern", Description: "no path"},
		}},
	)
	if err != nil {
		return err
	}
	return stat.Err()
}

func (refuser) SetupNetwork(request *vmplumbv1.SetupNetworkRequest, _ vmplumbv1.NetworkAgentService_SetupNetworkServer) error {
	return refusal(request.VmId)
}

func (refuser) GetNetwork(_ context.Context, request *vmplumbv1.GetNetworkRequest) (*vmplumbv1.GetNetworkResponse, error) {
	return nil, refusal(request.VmId)
}

func refusing(t *testing.T) *vmplumb.Client {
	t.Helper()
	return served(t, refuser{}, vmplumb.Retry{Attempts: 1})
}

// served is a client of this agent.
func served(t *testing.T, agent vmplumbv1.NetworkAgentServiceServer, retry vmplumb.Retry) *vmplumb.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	vmplumbv1.RegisterNetworkAgentServiceServer(server, agent)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return dial(t, "unix://"+socket, vmplumb.Options{Retry: retry})
}

// constants are the values of the package reason, as its source has them.
func constants(t *testing.T) (found []reason.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			found = append(found, reason.Reason(text))
		}
		return true
	})
	return found
}

func TestEveryReasonOfTheContractIsItselfAndNoOther(t *testing.T) {
	all := constants(t)
	for number, name := range vmplumbv1.ErrorReason_name {
		if bare := reason.Reason(strings.TrimPrefix(name, "ERROR_REASON_")); number != 0 && !slices.Contains(all, bare) {
			t.Errorf("%s has no constant", bare)
		}
	}
	if len(all) != len(vmplumbv1.ErrorReason_name)-1 {
		t.Errorf("%d constants, %d reasons", len(all), len(vmplumbv1.ErrorReason_name)-1)
	}
	client := refusing(t)
	for _, one := range append(all, "OF_A_NEWER_AGENT") {
		vmID := strings.ReplaceAll(strings.ToLower(string(one)), "_", "-")
		_, ofStream := client.SetUp(livetest.Patient(t), vmplumb.CNI(vmID, "n"), nil)
		_, ofUnary := client.GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: vmID})
		for kind, err := range map[string]error{"stream": ofStream, "unary": ofUnary} {
			t.Run(fmt.Sprintf("%s/%s", one, kind), func(t *testing.T) {
				var refused *vmplumb.Error
				if !errors.As(fmt.Errorf("wrapped: %w", err), &refused) {
					t.Fatalf("%T: %v", err, err)
				}
				for _, other := range append(slices.Clone(all), "OF_A_NEWER_AGENT") {
					if errors.Is(err, other) != (other == one) {
						t.Errorf("errors.Is(%s) with %s", one, other)
					}
				}
				if errors.Is(err, vmplumb.ErrUnreachable) || errors.Is(err, context.Canceled) {
					t.Error("taken for an error of gRPC's own")
				}
				want := []vmplumb.Violation{{Field: "spec.netns_path", Rule: "string.pattern", Message: "no path"}}
				if refused.VMID != vmID || refused.RetryAfter != 3*time.Second || refused.Message != "for people" ||
					!slices.Equal(refused.Violations, want) || refused.Metadata["limit"] != "some" ||
					refused.Failure.Hint != "is it on?" || refused.Retryable() {
					t.Errorf("not what was sent: %+v", refused)
				}
				if status.Code(err) != codes.Aborted || err.Error() != string(one)+": for people" {
					t.Errorf("%s, %q", status.Code(err), err)
				}
			})
		}
	}
	_, err := client.GetStatus(livetest.Patient(t), &vmplumbv1.GetStatusRequest{})
	if status.Code(err) != codes.Unimplemented || errors.Is(err, reason.Internal) {
		t.Error(err)
	}
}
