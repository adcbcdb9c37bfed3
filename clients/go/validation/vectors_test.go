package validation_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/validation"
	_ "github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// The rules that stand in words at their fields, and that only the agent judges.
var agentsAlone = []string{"cni_configuration.args_size", "cni_configuration.capability_args"}

func TestEveryVectorBreaksTheSameRulesHere(t *testing.T) {
	path := os.Getenv("VMPLUMB_TEST_VECTORS")
	if path == "" {
		path = "../../../tests/contract_rules/vectors.json"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Message string
		Want        []string
		Fields      []string // of some vectors: where
		JSON        json.RawMessage
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 30 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, vector := range vectors {
		t.Run(vector.ID, func(t *testing.T) {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("vmplumb.v1." + vector.Message))
			if err != nil {
				t.Fatal(err)
			}
			request := kind.New().Interface()
			if err := protojson.Unmarshal(vector.JSON, request); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, rule := range vector.Want {
				if !slices.Contains(agentsAlone, rule) {
					want[rule] = true
				}
			}
			got := map[string]bool{}
			var fields []string
			err = validation.Check(request)
			var refused *vmplumb.Error
			if errors.As(err, &refused) {
				if !errors.Is(err, reason.InvalidRequest) {
					t.Errorf("reason %s", refused.Reason)
				}
				for _, one := range refused.Violations {
					got[one.Rule] = true
					fields = append(fields, one.Field)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if len(want) > 0 && vector.Fields != nil && !slices.Equal(fields, vector.Fields) {
				t.Errorf("in %v, want %v", fields, vector.Fields)
			}
			if !maps.Equal(got, want) {
				t.Errorf("broke %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		})
	}
}
