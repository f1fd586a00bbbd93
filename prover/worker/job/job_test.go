package job_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/prover/worker/job"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A job is stored in its statement's queue, and a second one for the same event is not, whoever inserts it and whatever else it says.
func TestOneJobAnEvent(t *testing.T) {
	ctx := context.Background()
	pool := pgtest.Pool(t)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: job.Schema})
	if err != nil {
		t.Fatal(err)
	}
	a := job.Args{Event: event.Digest{1}, Statement: event.Digest{2}, Index: 3}
	first, err := client.Insert(ctx, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := first.Job.Queue, "prove-02000000000000000000000000000000"; got != want {
		t.Errorf("the job is in queue %q, want %q", got, want)
	}
	var back job.Args
	if err := json.Unmarshal(first.Job.EncodedArgs, &back); err != nil || back != a {
		t.Errorf("the job says %s (%v), want %+v", first.Job.EncodedArgs, err, a)
	}
	again, err := client.Insert(ctx, job.Args{Event: a.Event, Statement: event.Digest{9}, Index: 10}, nil)
	if err != nil || !again.UniqueSkippedAsDuplicate || again.Job.ID != first.Job.ID {
		t.Errorf("a second job for the event: %+v (%v), want the first one", again, err)
	}
	other, err := client.Insert(ctx, job.Args{Event: event.Digest{4}, Statement: a.Statement, Index: 5}, nil)
	if err != nil || other.UniqueSkippedAsDuplicate {
		t.Errorf("another event's job: %+v (%v), want one of its own", other, err)
	}
}
