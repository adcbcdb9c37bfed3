package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const page = 500

// item is a key at the revision of its last change. A nil *item is a key that is not there.
type item struct {
	value    string
	revision int64
}

// of is the value, "" where there is none.
func (i *item) of() string {
	if i == nil {
		return ""
	}
	return i.value
}

// store is the etcd of a fleet: it leaves a member that does not answer for the next one.
type store struct {
	client   *clientv3.Client
	patience time.Duration // how long one member may take to answer
}

// ask calls until a member answers, each at most once. Whatever is asked here may be asked again.
func ask[R any](ctx context.Context, s store, call func(context.Context) (R, error)) (answer R, err error) {
	for range s.client.Endpoints() {
		within, cancel := context.WithTimeout(ctx, s.patience)
		answer, err = call(within)
		cancel()
		if err == nil || ctx.Err() != nil || !away(err) {
			break
		}
	}
	if err != nil && ctx.Err() == nil && away(err) {
		err = fmt.Errorf("%w: %w", ErrAway, err)
	}
	return answer, err
}

// away tells whether a member did not answer, or has lost the others: another one may do better.
func away(err error) bool {
	code := status.Code(err)
	if said := (rpctypes.EtcdError{}); errors.As(err, &said) {
		code = said.Code()
	}
	return code == codes.Unavailable || code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

func (s store) get(ctx context.Context, key string) (*item, error) {
	answer, err := ask(ctx, s, func(ctx context.Context) (*clientv3.GetResponse, error) { return s.client.Get(ctx, key) })
	if err != nil || len(answer.Kvs) == 0 {
		return nil, err
	}
	return &item{string(answer.Kvs[0].Value), answer.Kvs[0].ModRevision}, nil
}

// read gives all keys below a prefix, of one revision, which is answered too. Their names are without the prefix.
func (s store) read(ctx context.Context, prefix string) (names []string, values [][]byte, revision int64, err error) {
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		answer, err := ask(ctx, s, func(ctx context.Context) (*clientv3.GetResponse, error) {
			return s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page), clientv3.WithRev(revision))
		})
		if err != nil {
			return nil, nil, 0, err
		}
		if revision == 0 {
			revision = answer.Header.Revision
		}
		for _, one := range answer.Kvs {
			names, values = append(names, string(one.Key[len(prefix):])), append(values, one.Value)
			from = string(one.Key) + "\x00"
		}
		if !answer.More {
			return names, values, revision, nil
		}
	}
}

// swap writes a key, or deletes it for "", if it is still what it was. It answers whether that was done, and
// else what is there instead. After an error it is not known whether it was done.
func (s store) swap(ctx context.Context, key string, old *item, value string) (done bool, there *item, err error) {
	was := int64(0)
	if old != nil {
		was = old.revision
	}
	change := clientv3.OpPut(key, value)
	if value == "" {
		change = clientv3.OpDelete(key)
	}
	answer, err := ask(ctx, s, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", was)).Then(change).
			Else(clientv3.OpGet(key)).Commit()
	})
	if err != nil || answer.Succeeded {
		return err == nil, nil, err
	}
	if found := answer.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		there = &item{string(found[0].Value), found[0].ModRevision}
	}
	return false, there, nil
}

// watch gives every change of a key below a prefix from a revision on. It ends without an error when the member that
// was asked cannot tell any more.
func (s store) watch(ctx context.Context, prefix string, from int64) iter.Seq2[*clientv3.Event, error] {
	return func(yield func(*clientv3.Event, error) bool) {
		ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
		defer cancel()
		for answer := range s.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
			if err := answer.Err(); err != nil {
				if !away(err) {
					yield(nil, err)
				}
				return
			}
			for _, event := range answer.Events {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}
