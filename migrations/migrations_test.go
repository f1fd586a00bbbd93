package migrations_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/migrations"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Every daemon that starts migrates: several at once must not trip over each other, and the second time is a no-op.
func TestUpTwiceAtOnce(t *testing.T) {
	server := pgtest.Server(t)
	pool := pgtest.Connect(t, server.URL())
	if _, err := pool.Exec(context.Background(), "CREATE DATABASE fresh"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := migrations.Up(context.Background(), server.DatabaseURL("fresh")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	fresh := pgtest.Connect(t, server.DatabaseURL("fresh"))
	var size int64
	if err := fresh.QueryRow(context.Background(), "SELECT size FROM tip").Scan(&size); err != nil || size != 0 {
		t.Errorf("a fresh log has size %d (%v), want 0", size, err)
	}
	for _, table := range []string{"witnesses", "attestations", migrations.RiverSchema + ".river_job", migrations.RiverSchema + ".river_queue"} {
		var n int
		if err := fresh.QueryRow(context.Background(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("table %s has %d rows (%v), want 0", table, n, err)
		}
	}
	var strays int
	if err := fresh.QueryRow(context.Background(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'river%'").Scan(&strays); err != nil || strays != 0 {
		t.Errorf("%d of River's tables lie beside the log's (%v)", strays, err)
	}
}

func TestUpReportsAnUnreachableDatabase(t *testing.T) {
	for name, url := range map[string]string{
		"no such server": "postgres:///x?host=/nonexistent",
		"no URL at all":  "nonsense://",
	} {
		t.Run(name, func(t *testing.T) {
			if err := migrations.Up(context.Background(), url); err == nil {
				t.Error("Up succeeded")
			}
		})
	}
}

func TestUpWantsUTF8(t *testing.T) {
	server := pgtest.Server(t)
	pool := pgtest.Connect(t, server.URL())
	if _, err := pool.Exec(context.Background(), "CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(context.Background(), server.DatabaseURL("narrow")); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("got %v, want a refusal of LATIN1", err)
	}
}

// What one test writes, another doesn't see.
func TestEachTestHasItsOwnDatabase(t *testing.T) {
	ctx := context.Background()
	a, b := pgtest.Pool(t), pgtest.Pool(t)
	if _, err := a.Exec(ctx, "INSERT INTO names VALUES (1, 'x')"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := b.QueryRow(ctx, "SELECT count(*) FROM names").Scan(&n); err != nil || n != 0 {
		t.Errorf("the second database holds %d names (%v), want 0", n, err)
	}
}
