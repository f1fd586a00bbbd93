package poseidon

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Domain names what a hash is for. All of attestlog's domains stand in this
// file, so that a glance shows that they are distinct.
type Domain string

const (
	// Block: the rows of one leaf of a table.
	Block Domain = "attestlog/block/v1"
	// EmptyBlock: a leaf beyond the table's last row.
	EmptyBlock Domain = "attestlog/empty-block/v1"
	// Table: the root, the number of rows and the schema digest of a data set.
	Table Domain = "attestlog/table/v1"
	// AccessList: the records that one data access read.
	AccessList Domain = "attestlog/access-list/v1"
	// EmptySlot: a slot of an access list that holds no record.
	EmptySlot Domain = "attestlog/empty-slot/v1"
	// Release: an approved model: the commitment to its weights, with a salt.
	Release Domain = "attestlog/release/v1"
	// EmptyRelease: a leaf of a tree of releases that holds none.
	EmptyRelease Domain = "attestlog/empty-release/v1"
	// Approval: the root of a tree of releases.
	Approval Domain = "attestlog/approval/v1"
	// Served: the model that is served: the commitment to its weights, with a salt.
	Served Domain = "attestlog/served/v1"
	// Configuration: the settings under which a model is served.
	Configuration Domain = "attestlog/configuration/v1"
	// EmptySetting: a slot of a configuration that holds no setting.
	EmptySetting Domain = "attestlog/empty-setting/v1"
	// Predicates: public conditions on a configuration.
	Predicates Domain = "attestlog/predicates/v1"
	// Weights: a model's weights, with a salt.
	Weights Domain = "attestlog/weights/v1"
	// Recipe: what a training step does with rows and weights.
	Recipe Domain = "attestlog/recipe/v1"
	// Batch: the rows that a training step takes.
	Batch Domain = "attestlog/batch/v1"
	// Hierarchy: what the quasi-identifiers of a data set are generalized to.
	Hierarchy Domain = "attestlog/hierarchy/v1"
	// Challenge: a second challenge, made of a circuit's first.
	Challenge Domain = "attestlog/challenge/v1"
)

// MaxDomain is the longest name that a tag can carry, in bytes.
const MaxDomain = 27

// Tag returns the element whose 31 big-endian bytes are the domain's name, filled
// up with zero bytes to 27, and the length as four bytes. No two pairs of domain
// and length share a tag. It panics if the name is empty, longer than 27 bytes or
// ends in a zero byte, or the length does not fit: both are constants of the code.
func Tag(d Domain, length int) fr.Element {
	if len(d) == 0 || len(d) > MaxDomain || strings.HasSuffix(string(d), "\x00") {
		panic(fmt.Sprintf("poseidon: the domain %q can't be tagged", string(d)))
	}
	if length < 0 || int64(length) > 1<<32-1 {
		panic(fmt.Sprintf("poseidon: the length %d can't be tagged", length))
	}
	var b [MaxDomain + 4]byte
	copy(b[:], d)
	binary.BigEndian.PutUint32(b[MaxDomain:], uint32(length))
	var e fr.Element
	e.SetBytes(b[:]) // 31 bytes are always below the field's modulus
	return e
}

// Empty is the value that stands where there is no data: the bare tag of the
// domain with length 0. It is no hash of anything that anyone can find.
func Empty(d Domain) fr.Element { return Tag(d, 0) }
