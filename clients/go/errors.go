package vmplumb

import (
	"cmp"
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// ErrUnreachable says that no agent answers, or that the connection broke and did not come back.
var ErrUnreachable = errors.New("no agent answers")

// Violation is a rule of the contract that a request violates.
type Violation struct{ Field, Rule, Message string }

// Error is every error of a call. With errors.Is it is its Reason, such as reason.SpecConflict; without one
// (gRPC itself made it, and it says nothing about the operation) it is ErrUnreachable,
// context.DeadlineExceeded or context.Canceled, by its code.
type Error struct {
	Code       codes.Code
	Reason     reason.Reason
	Message    string // for people
	VMID       string
	Violations []Violation        // every rule the request violates
	RetryAfter time.Duration      // when the agent suggests another try; 0 if it does not
	Failure    *vmplumbv1.Failure // plugin, kernel, leftovers, hint; nil if gRPC itself made the error
	Metadata   map[string]string  // what else the agent said, such as "limit"
	status     *status.Status
}

func (e *Error) Error() string {
	return cmp.Or(string(e.Reason), e.Code.String()) + ": " + e.Message
}

// Is tells what errors.Is wants to know.
func (e *Error) Is(target error) bool {
	if is, ok := target.(reason.Reason); ok || e.Reason != "" {
		return ok && is == e.Reason
	}
	return target == ErrUnreachable && e.Code == codes.Unavailable ||
		target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// Retryable tells whether the same call may succeed later without a change by anyone.
func (e *Error) Retryable() bool {
	return e.Failure.GetRetryable() || e.Failure == nil && e.Code == codes.Unavailable
}

// GRPCStatus is the status as it came, for status.FromError.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// typed makes an *Error of what gRPC returned; nil and what is no status stay what they are.
func typed(err error) error {
	stat, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	made := &Error{Code: stat.Code(), Message: stat.Message(), status: stat}
	for _, detail := range stat.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == "vmplumb.v1" {
				made.Reason, made.Metadata, made.VMID = reason.Reason(detail.Reason), detail.Metadata, detail.Metadata["vm_id"]
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
