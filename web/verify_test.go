package web

import (
	"bytes"
	"encoding/base64"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/attestlog/attestlog/web/verifier"
)

// withVerifier gives a viewer a verifier, and without one takes it away, whatever the tests were built with.
func withVerifier(t *testing.T, v *viewer, wasm *verifier.Verifier) *viewer {
	t.Helper()
	v.verifier, v.verifierMissing = wasm, nil
	if wasm == nil {
		v.verifierMissing = verifier.ErrMissing
	}
	v.offline = v.makeOffline
	var err error
	if v.assets, err = newAssets(staticFiles, wasm); err != nil {
		t.Fatal(err)
	}
	if v.templates, err = parseTemplates(v.funcs()); err != nil {
		t.Fatal(err)
	}
	return v
}

// packedVerifier is a verifier that verifies nothing: hello, packed in two ways.
func packedVerifier(t *testing.T) *verifier.Verifier {
	t.Helper()
	z, err := base64.StdEncoding.DecodeString("H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==")
	if err != nil {
		t.Fatal(err)
	}
	return &verifier.Verifier{Gzip: z, Brotli: []byte("brotli"), Glue: []byte("// glue\n")}
}

// TestVerifierIsServed: packed as the browser likes it, under an address that changes with it.
func TestVerifierIsServed(t *testing.T) {
	v := withVerifier(t, newPaper(t, nil), packedVerifier(t))
	address, err := v.assets.url("verify/verifier.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for accepted, want := range map[string]struct{ encoding, body string }{
		"gzip, deflate, br, zstd": {"br", "brotli"}, "br": {"br", "brotli"}, "gzip, deflate": {"gzip", string(v.verifier.Gzip)}, "": {"", "hello"}, "identity": {"", "hello"}, "brx": {"", "hello"},
	} {
		req := httptest.NewRequest("GET", address, nil)
		req.Header.Set("Accept-Encoding", accepted)
		rec := httptest.NewRecorder()
		v.routes().ServeHTTP(rec, req)
		if rec.Code != 200 || rec.Header().Get("Content-Encoding") != want.encoding || rec.Body.String() != want.body || rec.Header().Get("Content-Type") != "application/wasm" {
			t.Errorf("%q: status %d, %v, %q", accepted, rec.Code, rec.Header(), rec.Body)
		}
	}
	other := packedVerifier(t)
	other.Gzip = append(other.Gzip, 0)
	if again := withVerifier(t, newPaper(t, nil), other); again.assets.version == v.assets.version {
		t.Error("another verifier has the same address")
	}
}

// TestWithoutVerifier: the pages are there, and say what is missing and how to get it.
func TestWithoutVerifier(t *testing.T) {
	v := withVerifier(t, newPaper(t, nil), nil)
	for target, want := range map[string]struct {
		status int
		text   string
	}{"/verify": {200, "go run ./web/verifier/build"}, "/verify/offline.html": {503, "go run ./web/verifier/build"}, "/verify/log.pub": {200, "log.example/paper+"}} {
		res, body := get(t, v.routes(), "GET", target)
		if res.StatusCode != want.status || !strings.Contains(body, want.text) || strings.Contains(body, "<script") {
			t.Errorf("%s: status %d: %s", target, res.StatusCode, body)
		}
	}
}

// TestOfflinePage: one file, the same every time, whose own policy names its scripts and lets nothing out.
func TestOfflinePage(t *testing.T) {
	v := withVerifier(t, newPaper(t, nil), packedVerifier(t))
	res, page := get(t, v.routes(), "GET", "/verify/offline.html")
	if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Disposition"), "attestlog-verify.html") {
		t.Fatalf("status %d, %v", res.StatusCode, res.Header)
	}
	if _, again := get(t, withVerifier(t, newPaper(t, nil), packedVerifier(t)).routes(), "GET", "/verify/offline.html"); again != page {
		t.Error("it is another page the second time")
	}
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	script := regexp.MustCompile(`(?s)<script type="module">(.*?)</script>`).FindStringSubmatch(page)
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if policy == nil || script == nil || style == nil {
		t.Fatal("policy, script or style is missing")
	}
	said := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	for _, want := range []string{"default-src 'none'", "script-src '" + sourceHash([]byte(script[1])) + "' 'wasm-unsafe-eval'", "style-src '" + sourceHash([]byte(style[1])) + "'", "base-uri 'none'"} {
		if !strings.Contains(said, want) {
			t.Errorf("its policy lacks %s: %s", want, said)
		}
	}
	if strings.Contains(said, "connect-src") || strings.Contains(said, "unsafe-inline") {
		t.Errorf("its policy lets something out: %s", said)
	}
	packed := regexp.MustCompile(`(?s)<script type="text/plain" id="attestlog-verifier">(.*?)</script>`).FindStringSubmatch(page)
	if b, err := base64.StdEncoding.DecodeString(packed[1]); err != nil || !bytes.Equal(b, v.verifier.Gzip) {
		t.Errorf("the verifier in it is another one: %v", err)
	}
	if outside := regexp.MustCompile(`(src|href)="[^"#]`).FindString(page); outside != "" {
		t.Errorf("it refers to something outside: %s", outside)
	}
}

// TestScoped: modules of the one form are joined, and others refused, rather than joined wrongly.
func TestScoped(t *testing.T) {
	good := "// A module.\nimport { a, b } from './one.js';\nimport * as two from './two.js';\n\nexport const c = 1;\nexport async function d() { return a; }\nexport class E {}\nconst f = 2;\n"
	got, err := scoped("three.js", good)
	if err != nil {
		t.Fatal(err)
	}
	want := "const module_three = (() => {\n// A module.\nconst { a, b } = module_one;\nconst two = module_two;\n\nconst c = 1;\nasync function d() { return a; }\nclass E {}\nconst f = 2;\n\nreturn { E, c, d };\n})();\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, bad := range map[string]string{
		"from elsewhere": "import { a } from 'https://x.example/a.js';\n", "default": "import a from './a.js';\n", "dynamic": "  import('./a.js');\n", "a list of exports": "export { a };\n",
		"all of another": "export * from './a.js';\n", "renamed": "import { a as b } from './a.js';\n", "over lines": "import {\n  a,\n} from './a.js';\n", "a default export": "export default 1;\n",
	} {
		if text, err := scoped("x.js", bad); err == nil {
			t.Errorf("%s: it was joined:\n%s", name, text)
		}
	}
	if _, err := joinModules(fstest.MapFS{}, []string{"none.js"}); err == nil {
		t.Error("a module that isn't there was joined")
	}
}
