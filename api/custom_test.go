package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// An imported statement is told with its importer's words, as openapi.yaml has it, and has no proving key to fetch.
func TestImportedStatement(t *testing.T) {
	vk := event.DigestOf([]byte{1})
	log := &stub{statements: map[event.Digest]ledger.StatementState{vk: {Digest: vk, Registered: 3, Status: "active", Claims: &event.StatementClaims{
		Action: event.StatementRegister, Proves: event.Custom, Name: "mine", Setup: event.SetupImported, Shows: `That "it" holds.`,
		NotShown: []string{"The rest.", "The other rest."}, VerifyingKey: []byte{1},
		Inputs: []event.Input{{Name: "n", Type: event.InputInteger, Min: -1, Max: 9007199254740991}, {Name: "d", Type: event.InputDigest}}}}}}
	server := serve(t, Config{Ledger: log, Keys: keyRing{}})
	status, _, body := exchange(t, server, request(t, http.MethodGet, server.URL+"/v1/statements/"+vk.String(), ""))
	want := `{"digest":"` + vk.String() + `","inputs":[{"max":9007199254740991,"min":-1,"name":"n","type":"integer"},{"name":"d","type":"digest"}],"name":"mine",` +
		`"notShown":["The rest.","The other rest."],"proves":"custom","registered":3,"setup":"imported","shows":"That \"it\" holds.","status":"active","trust":"imported from elsewhere: UNTRUSTED","verifyingKey":"AQ=="}`
	if status != http.StatusOK || strings.TrimSpace(body) != want {
		t.Errorf("%d\n got %s\nwant %s", status, body, want)
	}
	status, _, body = exchange(t, server, request(t, http.MethodGet, server.URL+"/v1/statements/"+vk.String()+"/proving-key", ""))
	if status != http.StatusNotFound || !strings.Contains(body, "ask whoever made its circuit") {
		t.Errorf("the proving key: %d %s", status, body)
	}
}
