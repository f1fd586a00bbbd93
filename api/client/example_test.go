package client_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
)

// firstEvent is the README's first event in Go.
func firstEvent(ctx context.Context, logKey string, key ed25519.PrivateKey, release []byte, root event.Element) error {
	log, err := client.New("http://localhost:8080", client.Options{LogKey: logKey})
	if err != nil {
		return err
	}
	source, err := log.OpenSource(client.SourceOptions{Name: "trainer/1", Key: key, State: "trainer.state"})
	if err != nil {
		return err
	}
	defer source.Close()

	receipt, err := source.Record(ctx, client.Draft{
		Subject: event.Subject{Name: "credit-scorer", Digest: sha256.Sum256(release)},
		Claims:  &event.ApprovalClaims{Releases: root},
	})
	if err != nil {
		return err // a *client.Problem says which rule of the log it breaks, and what to do
	}
	fmt.Println("logged as entry", receipt.Index) // and already verified against logKey
	return nil
}

func ExampleSource_Record() { _ = firstEvent }
