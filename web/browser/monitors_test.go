//go:build heavy

package browser

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web"
	"github.com/attestlog/attestlog/web/webtest"
)

// monitor is one that says what a test has it say.
type monitor struct {
	name   string
	status web.MonitorStatus
}

func (m monitor) Name() string                             { return m.name }
func (m monitor) Status(context.Context) web.MonitorStatus { return m.status }

// watchers are a monitor that keeps up, one that was never heard of, and one that fell silent behind.
func watchers(t *testing.T, log *webtest.Log) []web.Monitor {
	t.Helper()
	head, err := log.Client.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	fine := status.Standing{Log: webtest.Origin, Since: now.Add(-9 * 24 * time.Hour).UnixMilli(), Law: true, Size: head.Size, Head: string(head.Note), HeadSize: head.Size, HeadSeen: now.UnixMilli(), Contact: now.UnixMilli()}
	behind := fine
	behind.Size, behind.Contact, behind.Head, behind.HeadSize = 20, now.Add(-5*time.Hour).UnixMilli(), "", 0
	behind.Trouble = []string{"the log can't be reached: connection refused"}
	return []web.Monitor{
		monitor{"Regulator", web.MonitorStatus{Standing: fine, Version: "1.0", Since: fine.Since, Asked: now, Answered: now,
			Peers: []status.Peer{{URL: "https://monitor.university.example/gossip", Asked: now.UnixMilli(), Spoke: now.UnixMilli()}}}},
		monitor{"Newspaper", web.MonitorStatus{Asked: now, Trouble: "connection refused", TroubleSince: now.Add(-time.Hour)}},
		monitor{"University", web.MonitorStatus{Standing: behind, Asked: now, Answered: now.Add(-4 * time.Hour), Trouble: "no answer in time", TroubleSince: now.Add(-4 * time.Hour)}},
	}
}

// forked is a monitor that caught the log at two histories.
func forked(t *testing.T, log *webtest.Log) (of web.Monitor, id string) {
	t.Helper()
	head, err := log.Client.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fork := verify.Fork{First: head.Note, Second: log.Sign(head.Size, [32]byte{1})}
	report, err := fork.Check(log.Key)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	id = "5f0c2a9be1d34c77"
	return monitor{"Regulator", web.MonitorStatus{Asked: now, Answered: now, Forks: map[string]web.CheckedFork{id: {File: fork.Encode(), Report: report}},
		Standing: status.Standing{Log: webtest.Origin, Law: true, Size: head.Size, Head: string(head.Note), HeadSize: head.Size, HeadSeen: now.UnixMilli(), Contact: now.UnixMilli(),
			Alarms: []status.Alarm{{ID: id, Log: webtest.Origin, Kind: status.Fork, Time: now.UnixMilli(), Detail: report.String(), Sizes: []int64{head.Size}, From: "client", Evidence: []string{"fork.txt"}}}}}}, id
}

// testAlarm looks at pages while a monitor says that the log was caught.
func testAlarm(t *testing.T, b *chromium, log *webtest.Log) {
	caught, id := forked(t, log)
	origin := viewer(t, log, func(c *web.Config) { c.Monitors = []web.Monitor{caught} })
	if status, isPage := fetch(t, origin+"/monitors/evidence/"+id); status != http.StatusOK || isPage {
		t.Errorf("the evidence of the fork: status %d", status)
	}
	each(those(map[string][]example{"/": {{"alarm-overview", "/"}}, "/monitors": {{"alarm-monitors", "/monitors"}}, "/heads": {{"alarm-heads", "/heads"}}}), func(e example) {
		b.inspect(t, origin, e, http.StatusOK, false)
	})
}
