package ledger

import "github.com/attestlog/attestlog/prover/zkverify"

// WatchProofs has every check of proofs go through watch. It must be called before anything is submitted.
func (l *Ledger) WatchProofs(watch func(items []zkverify.Item, check func([]zkverify.Item) []error) []error) {
	verify := l.door.proofs.verify
	l.door.proofs.verify = func(items []zkverify.Item) []error { return watch(items, verify) }
	l.door.proofs.most = 64 // whatever machine the test runs on
}

// WaitingProofs is how many requests have proofs to be folded.
func (l *Ledger) WaitingProofs() int {
	l.door.proofs.mu.Lock()
	defer l.door.proofs.mu.Unlock()
	return len(l.door.proofs.waiting)
}

// SiftElsewhere takes all places of queries that look at entries one by one, until free.
func (l *Ledger) SiftElsewhere() (free func()) {
	for range maxSifting {
		l.sifting <- struct{}{}
	}
	return func() {
		for range maxSifting {
			<-l.sifting
		}
	}
}
