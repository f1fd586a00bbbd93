package event_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/gowebpki/jcs"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
)

// key is a fixed key of nobody's.
var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func TestEncodingIsCanonical(t *testing.T) {
	for name, e := range examples() {
		t.Run(name, func(t *testing.T) {
			payload, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			want, err := jcs.Transform(payload)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(payload, want) {
				t.Errorf("not what the JCS library writes:\n got %s\nwant %s", payload, want)
			}
			back, err := event.Decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			again, err := back.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, payload) {
				t.Errorf("decoding and encoding again changes it:\n got %s\nwant %s", again, payload)
			}
		})
	}
}

func TestEveryKindHasAnExample(t *testing.T) {
	seen := map[event.Kind]bool{}
	for _, e := range examples() {
		seen[e.Kind()] = true
	}
	for _, k := range event.Kinds() {
		if !seen[k] {
			t.Errorf("no example of kind %s, so it has no vector: add one to examples_test.go", k)
		}
		if got, err := event.ParseKind(k.String()); err != nil || got != k {
			t.Errorf("ParseKind(%q) = %v, %v", k.String(), got, err)
		}
		if got := k.NewClaims().Kind(); got != k {
			t.Errorf("kind %s makes claims of kind %s", k, got)
		}
	}
}

func TestLeaf(t *testing.T) {
	payload, err := examples()["data-access"].Encode()
	if err != nil {
		t.Fatal(err)
	}
	leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key), Proof: []byte{1, 2, 3}}, Logged: 1700000000000}
	b, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := jcs.Transform(b); err != nil || !bytes.Equal(b, want) {
		t.Errorf("not what the JCS library writes (%v):\n got %s\nwant %s", err, b, want)
	}
	back, err := event.DecodeLeaf(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Envelope.Verify(key.Public().(ed25519.PublicKey)); err != nil {
		t.Error(err)
	}
	if back.Logged != leaf.Logged || !bytes.Equal(back.Proof, leaf.Proof) || back.Envelope.Digest() != event.DigestOf(payload) {
		t.Errorf("got %+v back", back)
	}
}

func TestSignature(t *testing.T) {
	public := key.Public().(ed25519.PublicKey)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	good := event.Sign([]byte("{}"), key)
	for name, tamper := range map[string]func(e *event.Envelope) ed25519.PublicKey{
		"payload":     func(e *event.Envelope) ed25519.PublicKey { e.Payload = []byte("[]"); return public },
		"signature":   func(e *event.Envelope) ed25519.PublicKey { e.Signature[3] ^= 1; return public },
		"keyid":       func(e *event.Envelope) ed25519.PublicKey { e.KeyID[0] ^= 1; return public },
		"another key": func(e *event.Envelope) ed25519.PublicKey { return other.Public().(ed25519.PublicKey) },
		"another key under its own keyid": func(e *event.Envelope) ed25519.PublicKey {
			e.KeyID = event.KeyID(other.Public().(ed25519.PublicKey))
			return other.Public().(ed25519.PublicKey)
		},
		"no key": func(e *event.Envelope) ed25519.PublicKey { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			e := good
			under := tamper(&e)
			if err := e.Verify(under); !errors.Is(err, event.ErrSignature) {
				t.Errorf("Verify says %v", err)
			}
		})
	}
	if err := good.Verify(public); err != nil {
		t.Errorf("untampered: %v", err)
	}
}

func TestContextBindsEverything(t *testing.T) {
	a, b := event.DigestOf([]byte("a")), event.DigestOf([]byte("b"))
	base := event.Context("log", a, b)
	if !base.Valid() || base[0] != 0 {
		t.Errorf("ctx %s is not a number of 31 bytes", base)
	}
	for name, other := range map[string]event.Element{
		"origin":  event.Context("gol", a, b),
		"vk":      event.Context("log", b, b),
		"event":   event.Context("log", a, a),
		"swapped": event.Context("log", b, a),
	} {
		if other == base {
			t.Errorf("another %s has the same ctx", name)
		}
	}
}

func TestElementIsBelowTheOrder(t *testing.T) {
	const r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001"
	const below = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000"
	if _, err := event.ParseElement(r); err == nil {
		t.Error("r itself is accepted")
	}
	if e, err := event.ParseElement(below); err != nil || e.String() != below {
		t.Errorf("r−1: %v, %v", e, err)
	}
}

func TestWiderTablesHaveRoomForFewerRows(t *testing.T) {
	e := examples()["dataset"]
	c := e.Claims.(*event.DatasetClaims)
	for columns, most := range map[int]int64{30: 1 << 20, 31: 1 << 19, 90: 1 << 19, 91: 1 << 18, 210: 1 << 18} {
		c.Columns = make([]event.Column, columns)
		for i := range c.Columns {
			c.Columns[i] = event.Column{Name: fmt.Sprint(i), Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 1}}}
		}
		c.Rows = most
		if _, err := e.Encode(); err != nil {
			t.Errorf("%d columns, %d rows: %v", columns, most, err)
		}
		c.Rows++
		if _, err := e.Encode(); err == nil {
			t.Errorf("%d columns, %d rows: accepted", columns, c.Rows)
		}
	}
}

// The forms of names as SPEC.md has them are the oracle, over every short text of what is in them and what isn't.
func TestNames(t *testing.T) {
	source := regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}/[a-z0-9][a-z0-9._-]{0,63}$`)
	origin := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._~/:-]{0,127}$`)
	check := func(name string) {
		if got, want := event.CheckSource(name) == nil, source.MatchString(name); got != want {
			t.Errorf("%q names a source: %t, want %t", name, got, want)
		}
		if got, want := event.CheckOrigin(name) == nil, origin.MatchString(name); got != want {
			t.Errorf("%q names a log: %t, want %t", name, got, want)
		}
	}
	var short func(name string)
	short = func(name string) {
		check(name)
		for _, next := range "az09AZ._-~/:+\n{`\u00e9" {
			if len(name) < 4 {
				short(name + string(next))
			}
		}
	}
	short("")
	for n := 63; n < 130; n++ {
		long := strings.Repeat("a", n)
		for _, name := range []string{long, long + "/b", "b/" + long, long + "/" + long, "-" + long, long + "/-"} {
			check(name)
		}
	}
}

// BenchmarkDecode is what reading costs an event: out of what a source sends, and out of the payload in it; and what writing does.
func TestNamesStandOnce(t *testing.T) {
	e := examples()["dataset"]
	c := e.Claims.(*event.DatasetClaims)
	for _, n := range []int{2, 16, 17, 64} {
		c.Purposes = make([]string, n)
		for i := range c.Purposes {
			c.Purposes[i] = fmt.Sprint("purpose ", i)
		}
		if _, err := e.Encode(); err != nil {
			t.Errorf("%d purposes: %v", n, err)
		}
		c.Purposes[n-1] = c.Purposes[0]
		if _, err := e.Encode(); err == nil {
			t.Errorf("%d purposes, the last one being the first: accepted", n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	payload, err := examples()["data-access"].Encode()
	if err != nil {
		b.Fatal(err)
	}
	sub := event.Submission{Envelope: event.Sign(payload, key)}
	sent, err := sub.Encode()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		work func() error
	}{
		{"submission", func() error { _, err := event.DecodeSubmission(sent); return err }},
		{"payload", func() error { _, err := event.Decode(payload); return err }},
		{"encode", func() error { _, err := sub.Encode(); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.work(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLeafEncode(b *testing.B) {
	payload, _ := examples()["data-access"].Encode()
	leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key), Proof: make([]byte, 128)}, Logged: 1700000000000}
	for b.Loop() {
		if _, err := leaf.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

// A witness travels beside the envelope, and never gets into a leaf.
func TestWitnessStaysOutOfTheLeaf(t *testing.T) {
	payload, err := examples()["data-access-deferred"].Encode()
	if err != nil {
		t.Fatal(err)
	}
	s := event.Submission{Envelope: event.Sign(payload, key), Witness: bytes.Repeat([]byte{0xa5}, event.MaxWitness)}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := jcs.Transform(b); err != nil || !bytes.Equal(b, want) {
		t.Errorf("a submission with a witness is not what the JCS library writes (%v)", err)
	}
	back, err := event.DecodeSubmission(b)
	if err != nil || !bytes.Equal(back.Witness, s.Witness) {
		t.Fatalf("the witness came back with %d bytes (%v), want %d", len(back.Witness), err, len(s.Witness))
	}
	with, err := (&event.Leaf{Submission: s, Logged: 5}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	without, err := (&event.Leaf{Submission: *s.WithoutWitness(), Logged: 5}).Encode()
	if err != nil || !bytes.Equal(with, without) {
		t.Errorf("the leaf differs with the witness (%v):\n got %s\nwant %s", err, with, without)
	}
	s.Witness = append(s.Witness, 0)
	if _, err := s.Encode(); err == nil {
		t.Error("a witness of a byte too many encodes")
	}
	for name, member := range map[string]string{
		"empty":       `"witness":""`,
		"null":        `"witness":null`,
		"not base64":  `"witness":"%%%%"`,
		"not padded":  `"witness":"AAA"`,
		"a number":    `"witness":1`,
		"too large":   `"witness":"` + strings.Repeat("AAAA", event.MaxWitness/3+1) + `"`,
		"named twice": `"witness":"AAAA","witness":"AAAA"`,
	} {
		bad := append(append([]byte(nil), b[:bytes.Index(b, []byte(`"witness"`))]...), member+"}"...)
		if _, err := event.DecodeSubmission(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The age library is the oracle for what a recipient is.
func TestRecipient(t *testing.T) {
	const good = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	for range 20 {
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		if err := event.CheckRecipient(identity.Recipient().String()); err != nil {
			t.Error(err)
		}
	}
	for at := range good {
		for _, c := range "qb1A \x00" {
			bent := good[:at] + string(c) + good[at+1:]
			_, err := age.ParseX25519Recipient(bent)
			if got, want := event.CheckRecipient(bent) == nil, err == nil; got != want {
				t.Errorf("%q is a recipient: %t, want %t", bent, got, want)
			}
		}
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"upper case":    strings.ToUpper(good),
		"longer":        good + "q",
		"hybrid":        "age1pq" + good[6:],
		"the point 0":   "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"[:62],
		"an identity":   "AGE-SECRET-KEY-1" + strings.Repeat("Q", 58),
		"not in UTF-8":  good[:61] + "\xff",
		"an SSH key":    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0000000000000000000000000000",
		"padded by one": good[:4] + "q" + good[5:],
	} {
		if err := event.CheckRecipient(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// X25519 itself is the oracle for which points are of low order: every secret shared with one is zero, which crypto/ecdh refuses.
func TestRecipientOfLowOrder(t *testing.T) {
	private, err := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 64))
	if err != nil {
		t.Fatal(err)
	}
	low := 0
	check := func(point []byte) {
		t.Helper()
		public, err := ecdh.X25519().NewPublicKey(point)
		if err != nil {
			t.Fatal(err)
		}
		_, want := private.ECDH(public)
		got := event.CheckRecipient(bech32(t, point))
		if (got == nil) != (want == nil) || got != nil && !strings.Contains(got.Error(), "low order") {
			t.Errorf("the point %x: got %v, and X25519 says %v", point, got, want)
		}
		if want != nil {
			low++
		}
	}
	// The orders that there are below 16 on the curve and its twist, each with its neighbours, reduced and not, and with the bit that is to be ignored.
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for _, text := range []string{
		"0", "1", "-1",
		"325606250916557431795983626356110631294008115727848805560023387167927233504",
		"39382357235489614581723060781553021112529911719440698176882885853963445705823",
	} {
		u, _ := new(big.Int).SetString(text, 10)
		for near := int64(-2); near <= 2; near++ {
			v := new(big.Int).Add(u, big.NewInt(near))
			v.Mod(v, prime)
			for v.BitLen() <= 255 {
				point := v.FillBytes(make([]byte, 32))
				slices.Reverse(point)
				check(point)
				point[31] |= 0x80
				check(point)
				v.Add(v, prime)
			}
		}
	}
	if low < 2*7 {
		t.Errorf("only %d points of low order were tried", low)
	}
	for range 200 {
		point := make([]byte, 32)
		rand.Read(point)
		check(point)
	}
}

// bech32 writes a recipient of any point, as age would.
func bech32(t *testing.T, point []byte) string {
	t.Helper()
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	values := []byte{3, 3, 3, 0, 1, 7, 5} // "age"
	body := ""
	for i := 0; i < 260; i += 5 {
		v := byte(0)
		for j := i; j < i+5; j++ {
			v <<= 1
			if j < 256 {
				v |= point[j/8] >> (7 - j%8) & 1
			}
		}
		values, body = append(values, v), body+string(alphabet[v])
	}
	sum := uint32(1)
	for _, v := range append(values, make([]byte, 6)...) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for i := range 6 {
		body += string(alphabet[(sum^1)>>(5*(5-i))&31])
	}
	return "age1" + body
}

// The DSSE library is the oracle for what a signature signs.
func TestSignatureIsThatOfDSSE(t *testing.T) {
	for size := range 12000 {
		if size > 200 && size%977 != 0 && size != 9999 && size != 10000 {
			continue
		}
		payload := bytes.Repeat([]byte{byte(size)}, size)
		e := event.Sign(payload, key)
		if !ed25519.Verify(key.Public().(ed25519.PublicKey), dsse.PAE(event.PayloadType, payload), e.Signature[:]) {
			t.Fatalf("a payload of %d bytes is signed as nobody else would", size)
		}
		copy(e.Signature[:], ed25519.Sign(key, dsse.PAE(event.PayloadType, payload)))
		if err := e.Verify(key.Public().(ed25519.PublicKey)); err != nil {
			t.Fatalf("a payload of %d bytes that others signed: %v", size, err)
		}
	}
}

// A regular expression is the oracle for what a retention is.
func TestRetention(t *testing.T) {
	form := regexp.MustCompile(`^P([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,5}D)?$`)
	for _, c := range []struct {
		text string
		want bool
	}{{"P10Y6M", true}, {"P1D", true}, {"P12345D", true}, {"P123456D", false}, {"P12345Y", false}, {"P", false}, {"", false}, {"P1M1Y", false}, {"P1Y1Y", false}, {"P1Y ", false}, {"PT1H", false}, {"P1", false}, {"p1Y", false}} {
		if event.IsRetention(c.text) != c.want {
			t.Errorf("%q is a retention: %t, want %t", c.text, !c.want, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`P?[0-9]{0,6}[YMD]?[0-9]{0,6}[YMD]?[0-9]{0,6}[YMDT]?\n?`).Draw(t, "text")
		if got, want := event.IsRetention(s), form.MatchString(s) && s != "P"; got != want {
			t.Fatalf("%q is a retention: %t, want %t", s, got, want)
		}
	})
}
