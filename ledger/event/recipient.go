package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

const (
	recipientPrefix = "age1"
	recipientSize   = len(recipientPrefix) + 52 + 6 // 32 bytes and a checksum, five bits to a character
	bech32Alphabet  = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// CheckRecipient tells whether s is an age X25519 recipient (age-encryption.org/v1): "age1…", Bech32 (BIP 173) in lower case, of a
// public key that something can be sealed to.
func CheckRecipient(s string) error {
	key, err := decodeRecipient(s)
	if err != nil {
		return fmt.Errorf("%q is no age X25519 recipient: %w", canon.Clip(s), err)
	}
	key[31] &= 0x7f // RFC 7748, section 5: the last bit is not part of the coordinate
	if slices.Contains(lowOrder[:], key) {
		return fmt.Errorf("%q is no age X25519 recipient: its point is of low order, so that anybody could read what is sealed to it", canon.Clip(s))
	}
	return nil
}

// lowOrder are the coordinates of Curve25519's points of an order up to 8, and of those of its twist, little-endian and with those that are not
// reduced: every shared secret with one of them is zero (RFC 7748, section 6.1). There are no others: the tests ask X25519 itself.
var lowOrder = [...][32]byte{
	{},
	{1},
	[32]byte([]byte("\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00")), // of order 8
	[32]byte([]byte("\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57")), // of order 8
	aroundPrime(0xec), // p − 1
	aroundPrime(0xed), // p, which is 0
	aroundPrime(0xee), // p + 1, which is 1
}

// aroundPrime is a number close to p = 2^255 − 19, little-endian, by its first byte.
func aroundPrime(first byte) (b [32]byte) {
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[31] = first, 0x7f
	return b
}

// decodeRecipient is strict Bech32 with the human-readable part "age".
func decodeRecipient(s string) (key [32]byte, err error) {
	if len(s) != recipientSize || !strings.HasPrefix(s, recipientPrefix) {
		return key, fmt.Errorf("want %s and %d characters more", recipientPrefix, recipientSize-len(recipientPrefix))
	}
	// BIP 173 prepends the high bits of the human-readable part, a zero, and its low bits.
	sum := uint32(1)
	for _, v := range []byte{'a' >> 5, 'g' >> 5, 'e' >> 5, 0, 'a' & 31, 'g' & 31, 'e' & 31} {
		sum = bech32Step(sum, v)
	}
	var bits, held uint32
	n := 0
	for i, c := range []byte(s[len(recipientPrefix):]) {
		v := strings.IndexByte(bech32Alphabet, c)
		if v < 0 {
			return key, fmt.Errorf("character %d is none of Bech32 in lower case", i+len(recipientPrefix)+1)
		}
		sum = bech32Step(sum, byte(v))
		if i >= 52 { // the checksum
			continue
		}
		bits, held = bits<<5|uint32(v), held+5
		if held >= 8 {
			held -= 8
			key[n] = byte(bits >> held)
			n++
		}
	}
	if sum != 1 {
		return key, errors.New("its checksum is wrong")
	}
	if bits&(1<<held-1) != 0 {
		return key, errors.New("its last bits must be zero")
	}
	return key, nil
}

// bech32Step is one step of BIP 173's checksum.
func bech32Step(sum uint32, v byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(v)
	for i, generator := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= generator
		}
	}
	return sum
}
