// Package validation judges a request by the contract's rules before it is sent, as the agent will. It is
// a module of its own, since protovalidate brings a CEL interpreter.
package validation

import (
	"errors"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
)

// Check returns nil, or an [*vmplumb.Error] with reason.InvalidRequest and every rule the request violates:
// the same fields and rule ids as the agent's answer. Two rules are the agent's alone, since CEL neither adds
// up nor reads JSON: "cni_configuration.args_size" and "cni_configuration.capability_args".
func Check(request proto.Message) error {
	err := protovalidate.Validate(request)
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return err
	}
	made := &vmplumb.Error{Code: codes.InvalidArgument, Reason: reason.InvalidRequest, Message: err.Error()}
	for _, one := range broken.Violations {
		made.Violations = append(made.Violations, vmplumb.Violation{
			Field:   protovalidate.FieldPathString(one.Proto.GetField()),
			Rule:    one.Proto.GetRuleId(),
			Message: one.Proto.GetMessage(),
		})
	}
	return made
}
