package vmplumb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// Domain is google.rpc.ErrorInfo.domain of every error that an agent makes.
const Domain = "vmplumb.v1"

// Reason is the identity of an error of the contract, as on the wire. It is an error to be compared with:
// errors.Is(err, vmplumb.ErrSpecConflict). What each says and what to do then stands at
// [vmplumbv1.ErrorReason]; a newer agent may send one that has no constant here.
type Reason string

func (r Reason) Error() string { return string(r) }

// The reasons of the contract.
const (
	ErrInvalidRequest       Reason = "INVALID_REQUEST"
	ErrUnknownField         Reason = "UNKNOWN_FIELD"
	ErrConfigListMismatch   Reason = "CONFIG_LIST_MISMATCH"
	ErrPathNotAllowed       Reason = "PATH_NOT_ALLOWED"
	ErrSpecConflict         Reason = "SPEC_CONFLICT"
	ErrOperationPending     Reason = "OPERATION_PENDING"
	ErrTornDown             Reason = "TORN_DOWN"
	ErrVMNotFound           Reason = "VM_NOT_FOUND"
	ErrCNINetworkNotFound   Reason = "CNI_NETWORK_NOT_FOUND"
	ErrNotANetns            Reason = "NOT_A_NETNS"
	ErrCNIPluginUnavailable Reason = "CNI_PLUGIN_UNAVAILABLE"
	ErrWrongPhase           Reason = "WRONG_PHASE"
	ErrCNIAddFailed         Reason = "CNI_ADD_FAILED"
	ErrCNIDelFailed         Reason = "CNI_DEL_FAILED"
	ErrCNIResultUnusable    Reason = "CNI_RESULT_UNUSABLE"
	ErrCNITryAgainLater     Reason = "CNI_TRY_AGAIN_LATER"
	ErrOperationTimeout     Reason = "OPERATION_TIMEOUT"
	ErrResumePositionLost   Reason = "RESUME_POSITION_LOST"
	ErrTooManyOperations    Reason = "TOO_MANY_OPERATIONS"
	ErrAgentNotReady        Reason = "AGENT_NOT_READY"
	ErrNetnsSetupFailed     Reason = "NETNS_SETUP_FAILED"
	ErrUIDMismatch          Reason = "UID_MISMATCH"
	ErrAddressesExhausted   Reason = "ADDRESSES_EXHAUSTED"
	ErrKernelFault          Reason = "KERNEL_FAULT"
	ErrJournalFailed        Reason = "JOURNAL_FAILED"
	ErrAccessDenied         Reason = "ACCESS_DENIED"
	ErrUnauthenticated      Reason = "UNAUTHENTICATED"
	ErrInternal             Reason = "INTERNAL"
	ErrUnsupported          Reason = "UNSUPPORTED"
	ErrTooManyNetworks      Reason = "TOO_MANY_NETWORKS"
	ErrHostLimitReached     Reason = "HOST_LIMIT_REACHED"
	ErrLimitExceeded        Reason = "LIMIT_EXCEEDED"
)

// ErrUnreachable says that no agent answers, or that the connection broke and did not come back.
var ErrUnreachable = errors.New("no agent answers")

// Violation is a rule of the contract that a request violates.
type Violation struct{ Field, Rule, Message string }

// Error is every error of a call. It Is its Reason; without one (gRPC itself made it, and it says nothing
// about the operation) it Is ErrUnreachable, context.DeadlineExceeded or context.Canceled, by its code.
type Error struct {
	Code       codes.Code
	Reason     Reason
	Message    string // for people
	VMID       string
	Violations []Violation        // every rule the request violates
	RetryAfter time.Duration      // when the agent suggests another try; 0 if it does not
	Failure    *vmplumbv1.Failure // plugin, kernel, leftovers, hint; nil if gRPC itself made the error
	Metadata   map[string]string  // what else the agent said: "limit", "request_id"
	status     *status.Status
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Reason, e.Message)
}

// Is tells what errors.Is wants to know.
func (e *Error) Is(target error) bool {
	if reason, ok := target.(Reason); ok || e.Reason != "" {
		return ok && reason == e.Reason
	}
	return target == ErrUnreachable && e.Code == codes.Unavailable ||
		target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// Retryable tells whether the same call may succeed later without a change by anyone.
func (e *Error) Retryable() bool {
	if e.Failure != nil {
		return e.Failure.Retryable
	}
	return e.Code == codes.Unavailable
}

// GRPCStatus is the status as it came, for status.FromError.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// typed makes an *Error of what gRPC returned; nil and io.EOF stay what they are.
func typed(err error) error {
	stat, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	made := &Error{Code: stat.Code(), Message: stat.Message(), status: stat}
	for _, detail := range stat.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == Domain {
				made.Reason, made.Metadata, made.VMID = Reason(detail.Reason), detail.Metadata, detail.Metadata["vm_id"]
			}
		case *errdetails.BadRequest:
			for _, one := range detail.FieldViolations {
				made.Violations = append(made.Violations, Violation{one.Field, one.Reason, one.Description})
			}
		case *errdetails.RetryInfo:
			made.RetryAfter = detail.RetryDelay.AsDuration()
		case *vmplumbv1.Failure:
			made.Failure = detail
		}
	}
	return made
}
