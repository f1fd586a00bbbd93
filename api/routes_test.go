package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

// TestRoutes asks a running log for everything. What is well-formed is checked against openapi.yaml on the way; here is what
// a schema can't say.
func TestRoutes(t *testing.T) {
	w := startLive(t)
	w.fill(20)
	_, _, first := w.get("/v1/entries/3")
	var entry struct {
		Digest event.Digest
		Event  struct{ Predicate struct{ Source string } }
	}
	if err := jsonInto(first, &entry); err != nil {
		t.Fatal(err)
	}
	digest := entry.Digest.String()
	none := strings.Repeat("0", 64)
	many := strings.Repeat("3,", 256) + "3"
	for path, want := range map[string]struct {
		status int
		has    string
	}{
		"/v1/entries/3":                                  {200, `"kind":"approval"`},
		"/v1/entries/0":                                  {200, `"kind":"source"`},
		"/v1/entries/3?raw":                              {200, `{"envelope":`},
		"/v1/entries/3?raw=maybe":                        {400, "invalid-parameter"},
		"/v1/entries/23":                                 {404, "not-found"},
		"/v1/entries/03":                                 {400, "invalid-parameter"},
		"/v1/entries/-1":                                 {400, "invalid-parameter"},
		"/v1/entries/99999999999999999999":               {400, "invalid-parameter"},
		"/v1/events/" + digest:                           {200, `"index":3`},
		"/v1/events/" + none:                             {404, "not-found"},
		"/v1/events/" + strings.ToUpper(digest):          {400, "invalid-parameter"},
		"/v1/entries":                                    {200, `"size":23`},
		"/v1/entries?kind=source&kind=approval&limit=4":  {200, `"next":`},
		"/v1/entries?kind=nonsense":                      {400, "invalid-parameter"},
		"/v1/entries?knid=source":                        {400, "knid"},
		"/v1/entries?limit=0":                            {400, "limit"},
		"/v1/entries?limit=1001":                         {400, "limit"},
		"/v1/entries?limit=1&limit=2":                    {400, "twice"},
		"/v1/entries?cursor=nonsense":                    {400, "malformed"},
		"/v1/entries?order=desc&limit=1":                 {200, `"index":22`},
		"/v1/entries?order=up":                           {400, "order"},
		"/v1/entries?source=gateway/1&limit=1":           {200, `"index":3`},
		"/v1/entries?subject=nobody":                     {200, `"entries":[]`},
		"/v1/entries?subject=%00":                        {400, "U+0000"},
		"/v1/entries?subject=%ff":                        {400, "UTF-8"},
		"/v1/entries?from=1&to=2":                        {200, `"entries":[]`},
		"/v1/entries?status=claimed&limit=2":             {200, `"reached":1`},
		"/v1/entries?status=proven":                      {200, `"entries":[]`},
		"/v1/entries?status=maybe":                       {400, "one of claimed, proven, refused, waiting"},
		"/v1/entries?statement=" + none:                  {400, "names no statement"},
		"/v1/entries?statement=" + digest:                {200, `"entries":[]`},
		"/v1/entries?statement=x":                        {400, "statement"},
		"/v1/entries?text=GATEWAY&limit=1":               {200, `"index":1`},
		"/v1/entries?text=%25":                           {200, `"entries":[]`},
		"/v1/entries?text=_":                             {200, `"entries":[]`},
		"/v1/entries?text=gateway'%3BDROP+TABLE+entries": {200, `"entries":[]`},
		"/v1/entries?text=%00":                           {400, "U+0000"},
		"/v1/entries?text=" + strings.Repeat("x", 101):   {400, "at most 100 characters"},
		"/v1/entries?text=" + strings.Repeat("é", 100):   {200, `"entries":[]`},
		"/v1/entries?text=" + strings.Repeat("x", 401):   {400, "at most 400 bytes"},
		"/v1/entries?%zz":                                {400, "invalid-parameter"},
		"/v1/entries/3/proof":                            {200, "c2sp.org/tlog-proof@v1\nindex 3\n"},
		"/v1/entries/3/proof?size=0":                     {400, "size"},
		"/v1/entries/3/proof?size=3":                     {404, "not-found"},
		"/v1/entries/23/proof":                           {404, "not-found"},
		"/v1/checkpoints":                                {200, `"size":23`},
		"/v1/checkpoints?limit=1":                        {200, `"next":23`},
		"/v1/checkpoints?before=23":                      {200, `"checkpoints":[`},
		"/v1/checkpoints?before=no":                      {400, "before"},
		"/v1/checkpoints?linked=true":                    {200, `"consistency":["`},
		"/v1/checkpoints?linked=yes":                     {400, "one of false, true"},
		"/v1/checkpoints?linked=true&limit=101":          {400, "100 checkpoints"},
		"/v1/bundles?entries=3,5":                        {200, "attestlog-bundle/v1\nhead "},
		"/v1/bundles?entries=" + digest:                  {200, "asked 3 "},
		"/v1/bundles?provenance=3":                       {200, "asked 3 "},
		"/v1/bundles?entries=3&size=1":                   {404, "not-found"},
		"/v1/bundles?entries=23":                         {404, "not-found"},
		"/v1/bundles?entries=" + none:                    {404, "not-found"},
		"/v1/bundles?entries=3,,5":                       {400, "names no entry"},
		"/v1/bundles?entries=03":                         {400, "names no entry"},
		"/v1/bundles?entries=" + many:                    {400, "at most 256"},
		"/v1/bundles?entries=3&provenance=3":             {400, "invalid-parameter"},
		"/v1/bundles?provenance=3,5":                     {400, "and \\\"provenance\\\" one"},
		"/v1/bundles":                                    {400, "invalid-parameter"},
		"/v1/bundles?size=3":                             {400, "invalid-parameter"},
		"/v1/consistency?from=3&to=20":                   {200, `"hashes":["`},
		"/v1/consistency?from=20&to=3":                   {400, "greater"},
		"/v1/consistency?from=3":                         {400, "missing"},
		"/v1/witnesses":                                  {200, `"quorum":"none"`},
		"/v1/summary":                                    {200, `"kinds":[{"claimed":20,"kind":"approval","proven":0,"refused":0,"waiting":0},{"claimed":3,"kind":"source"`},
		"/v1/summary?days=1":                             {200, `"size":23`},
		"/v1/summary?days=0":                             {400, "days"},
		"/v1/summary?days=3661":                          {400, "days"},
		"/v1/consistency?from=3&to=24":                   {404, "not-found"},
		"/v1/sources":                                    {200, `"name":"clinic/1"`},
		"/v1/sources/gateway/1":                          {200, `"seq":21`},
		"/v1/sources/gateway%2F1":                        {200, `"seq":21`},
		"/v1/sources/gateway/2":                          {404, "not-found"},
		"/v1/sources/Gateway/2":                          {400, "invalid-parameter"},
		"/v1/sources/gateway":                            {400, "invalid-parameter"},
		"/v1/statements":                                 {200, `{"statements":[]}`},
		"/v1/statements/" + none:                         {404, "not-found"},
		"/v1/statements/" + none + "/proving-key":        {404, "not-found"},
		"/v1/statements/x":                               {400, "invalid-parameter"},
		"/checkpoint":                                    {200, liveOrigin + "\n23\n"},
		"/tile/0/000.p/23":                               {200, ""},
		"/tile/0/000":                                    {404, "not-found"},
		"/tile/0/000.p/24":                               {404, "not-found"},
		"/tile/0/000.p/0":                                {404, "not-found"},
		"/tile/0/000.p/256":                              {404, "not-found"},
		"/tile/0/0":                                      {404, "not-found"},
		"/tile/00/000.p/23":                              {404, "not-found"},
		"/tile/0/x000/000.p/23":                          {404, "not-found"},
		"/tile/0/x001/000":                               {404, "not-found"},
		"/tile/64/000.p/1":                               {404, "not-found"},
		"/tile/data/000.p/23":                            {404, "not-found"},
		"/tile/-1/000.p/23":                              {404, "not-found"},
		"/tile/entries/000.p/23":                         {200, ""},
		"/tile/entries/000":                              {404, "not-found"},
		"/tile/entries/x000/000":                         {404, "not-found"},
		"/tile/entries/":                                 {404, "not-found"},
		"/healthz":                                       {200, "ok"},
		"/readyz":                                        {200, "ready"},
		"/metrics":                                       {200, `attestlog_http_request_duration_seconds_count{method="POST",route="/v1/events:batch",status="200"} 1`},
		"/openapi.yaml":                                  {200, "openapi: 3.1.0"},
		"/":                                              {404, "not-found"},
		"/v1/nonsense":                                   {404, "not-found"},
	} {
		status, header, body := w.get(path)
		if status != want.status || !strings.Contains(string(body), want.has) {
			t.Errorf("%s: %d %.300s; want %d with %q", path, status, body, want.status, want.has)
		}
		if header.Get("Access-Control-Allow-Origin") != "*" || header.Get(requestIDHeader) == "" {
			t.Errorf("%s: the headers are %v", path, header)
		}
		headStatus, headHeader, headBody := w.do(request(t, http.MethodHead, w.server.URL+path, ""))
		if headStatus != status || len(headBody) > 0 || headHeader.Get("Content-Type") != header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %v %q", path, headStatus, headHeader, headBody)
		}
	}
	if _, header, body := w.get("/v1/entries/3/proof", "Accept", "application/json"); header.Get("Content-Type") != "application/json" {
		t.Errorf("the proof as JSON: %v %s", header, body)
	}
}

// TestPages walks all entries by cursor, both ways.
func TestPages(t *testing.T) {
	w := startLive(t)
	w.fill(30)
	for _, order := range []string{"asc", "desc"} {
		seen, cursor := 0, ""
		for {
			_, _, body := w.get("/v1/entries?limit=7&order=" + order + "&cursor=" + cursor)
			var page struct {
				Entries []struct{ Index int }
				Next    string
			}
			if err := jsonInto(body, &page); err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				want := seen
				if order == "desc" {
					want = 32 - seen
				}
				if e.Index != want {
					t.Fatalf("%s: got entry %d, want %d", order, e.Index, want)
				}
				seen++
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if seen != 33 {
			t.Errorf("%s: %d entries on all pages", order, seen)
		}
	}
}

// TestPosts sends events in every way in which they can be taken or refused at the edge.
func TestPosts(t *testing.T) {
	w := startLive(t)
	subs := w.approvals(8)
	encode := func(sub *event.Submission) string {
		b, err := sub.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := encode(subs[0])
	wrong := *subs[1]
	wrong.Envelope.Signature[5] ^= 1
	stranger := w.say("stranger/1", 's', &event.ApprovalClaims{})
	elsewhere := bytes.Replace(subs[1].Envelope.Payload, []byte(liveOrigin), []byte("log.example/else"), 1)
	for _, step := range []struct {
		name, body string
		header     []string
		status     int
		has        string
	}{
		{"new", one, nil, 201, `"index":3`},
		{"again", one, nil, 200, `"index":3`},
		{"typed by hand", "\n " + strings.ReplaceAll(one, `,"`, ", \n \"") + " \n", nil, 200, `"index":3`},
		{"minimal", one, []string{"Prefer", "respond-async, return=minimal; x=1"}, 200, `"size":`},
		{"utf-8", one, []string{"Content-Type", "application/json; charset=UTF-8"}, 200, `"leaf":`},
		{"text", one, []string{"Content-Type", "text/plain"}, 415, "unsupported-media-type"},
		{"no content type", one, []string{"Content-Type", ""}, 415, "unsupported-media-type"},
		{"latin", one, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported-media-type"},
		{"compressed", one, []string{"Content-Encoding", "gzip"}, 415, "unsupported-media-type"},
		{"empty", "", nil, 400, "malformed"},
		{"no JSON", "{", nil, 400, "malformed"},
		{"two", one + one, nil, 400, "malformed"},
		{"a member more", strings.Replace(one, `{"envelope"`, `{"x":1,"envelope"`, 1), nil, 400, "malformed"},
		{"deep", strings.Repeat(`{"a":`, 5000), nil, 400, "deep"},
		{"no event", encode(&event.Submission{Envelope: event.Sign([]byte("{}"), keyOf('g'))}), nil, 400, "malformed"},
		{"too large", `{"x":"` + strings.Repeat("a", 128<<10) + `"}`, nil, 413, "too-large"},
		{"another log", encode(&event.Submission{Envelope: event.Sign(elsewhere, keyOf('g'))}), nil, 422, "wrong-log"},
		{"bad signature", encode(&wrong), nil, 401, "bad-signature"},
		{"another's key", encode(&event.Submission{Envelope: event.Sign(subs[1].Envelope.Payload, keyOf('c'))}), nil, 401, "wrong-key"},
		{"a stranger", encode(stranger), nil, 401, "unknown-source"},
		{"a proof too many", encode(&event.Submission{Envelope: subs[1].Envelope, Proof: []byte{1}}), nil, 422, "proof-unexpected"},
		{"a gap", encode(subs[2]), nil, 409, fmt.Sprintf(`"expected":{"prev":"%s","seq":2}`, subs[0].Envelope.Digest())},
		{"a fork", encode(&event.Submission{Envelope: event.Sign(bytes.Replace(subs[0].Envelope.Payload, []byte("1700000000000"), []byte("1700000000001"), 1), keyOf('g'))}), nil, 409, "sequence-fork"},
	} {
		t.Run(step.name, func(t *testing.T) {
			w.t = t
			status, header, body := w.post("/v1/events", step.body, step.header...)
			if status != step.status || !strings.Contains(string(body), step.has) {
				t.Errorf("%d %s; want %d with %q", status, body, step.status, step.has)
			}
			if step.name == "minimal" && (header.Get("Preference-Applied") == "" || bytes.Contains(body, []byte("leaf")) || bytes.Contains(body, []byte("hashes"))) {
				t.Errorf("%v %s", header, body)
			}
			if status == 401 && header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without WWW-Authenticate")
			}
		})
	}
	w.t = t
	t.Run("batch", func(t *testing.T) { w.batch(t, subs, encode) })
	for name, c := range map[string]struct {
		body   string
		status int
		has    string
	}{
		"empty":     {`{"events":[]}`, 400, "no event"},
		"no batch":  {one, 400, "malformed"},
		"too many":  {`{"events":[` + strings.Repeat("{},", 1000) + `{}]}`, 413, "too-large"},
		"all wrong": {`{"events":[{},[],3]}`, 200, `"status":400`},
	} {
		if status, _, body := w.post("/v1/events:batch", c.body); status != c.status || !strings.Contains(string(body), c.has) {
			t.Errorf("batch, %s: %d %s", name, status, body)
		}
	}
}

// batch mixes all outcomes in one batch, and checks that one checkpoint serves all receipts.
func (w *live) batch(t *testing.T, subs []*event.Submission, encode func(*event.Submission) string) {
	other := w.say("clinic/1", 'c', &event.ApprovalClaims{})
	bad := *subs[3]
	bad.Envelope.Signature[7] ^= 1
	huge := `{"x":"` + strings.Repeat("a", 128<<10) + `"}`
	body := `{"events":[` + strings.Join([]string{encode(subs[0]), encode(subs[1]), encode(subs[2]), encode(&bad), encode(subs[4]), encode(other), `{"no":"event"}`, huge}, ",") + "]}"
	status, _, answer := w.post("/v1/events:batch", body)
	var got struct {
		Checkpoint string
		Outcomes   []struct {
			Status  int
			Receipt *struct{ Proof map[string]json.RawMessage }
			Problem *struct{ Code string }
		}
	}
	if err := jsonInto(answer, &got); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	want := []string{"200", "201", "201", "bad-signature", "depends-on", "201", "malformed", "too-large"}
	for i, o := range got.Outcomes {
		is := fmt.Sprint(o.Status)
		if o.Problem != nil {
			is = o.Problem.Code
		}
		if is != want[i] {
			t.Errorf("event %d: %s, want %s", i, is, want[i])
		}
		if o.Receipt != nil && o.Receipt.Proof["checkpoint"] != nil && string(o.Receipt.Proof["checkpoint"]) == fmt.Sprintf("%q", got.Checkpoint) {
			t.Errorf("event %d repeats the checkpoint", i)
		}
	}
	if len(got.Outcomes) != len(want) || !strings.HasPrefix(got.Checkpoint, liveOrigin+"\n") {
		t.Errorf("%d outcomes under %q", len(got.Outcomes), got.Checkpoint)
	}
}
