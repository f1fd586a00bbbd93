package verify

import "context"

// AssembleBundle puts any entries of a log into a bundle, whether or not they belong together, with the right proof for them.
func AssembleBundle(ctx context.Context, from Library, note []byte, size int64, asked, relied []int64) (*Bundle, error) {
	c := newCollecting(from, Head{Size: size, Note: note})
	for i, indices := range [][]int64{asked, relied} {
		for _, index := range indices {
			r, err := from.Receipt(ctx, index, size)
			if err != nil {
				return nil, err
			}
			c.receipts[index], c.have[index], c.asked[index] = r, &Entry{Index: index}, i == 0
		}
	}
	return c.bundle()
}

// For the tests, which hold them against other implementations.
var (
	NewCosigner = newCosigner
	KeyHash     = keyHash
)
