// Command keeper does for litewitness what its operator does: it keeps the witness's key as an SSH agent, and writes into its database which log
// to cosign. litewitness's own witnessctl does the latter, too, but drags in all of sigsum.
//
// It writes the key's fingerprint to KEY.fingerprint and the witness's public key, as policies have it, to KEY.pub, and serves until it is
// interrupted. The key lives and dies with it.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	name := flag.String("name", "", "the witness's name")
	db := flag.String("db", "", "litewitness's database")
	log := flag.String("log-key", "", "the file with the public key of the log that it is to cosign")
	key := flag.String("key", "", "where to write KEY.fingerprint and KEY.pub")
	socket := flag.String("ssh-agent", "", "the socket to serve")
	flag.Parse()
	if err := run(ctx, *name, *db, *log, *key, *socket); err != nil {
		fmt.Fprintln(os.Stderr, "keeper:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, db, log, key, socket string) error {
	vkey, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	if err := addLog(db, strings.TrimSpace(string(vkey))); err != nil {
		return err
	}
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: secret}); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	if err := publish(name, key, secret); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = agent.ServeAgent(ring, conn) // ends when litewitness does
		}()
	}
}

// addLog makes the tables of litewitness v0.9.0, and says in them whom to cosign, from the empty tree on.
func addLog(path, vkey string) (err error) {
	origin, _, found := strings.Cut(vkey, "+")
	if !found {
		return fmt.Errorf("%q is no log's key", vkey)
	}
	db, err := sqlite.OpenConn(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := sqlitex.ExecuteScript(db, `
		CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
		CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
		CREATE TABLE bastion (origin TEXT NOT NULL, bastion TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
	`, nil); err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	if err := sqlitex.Execute(db, "INSERT INTO log VALUES (?, 0, ?)", &sqlitex.ExecOptions{Args: []any{origin, base64.StdEncoding.EncodeToString(empty[:])}}); err != nil {
		return err
	}
	return sqlitex.Execute(db, "INSERT INTO key VALUES (?, ?)", &sqlitex.ExecOptions{Args: []any{origin, vkey}})
}

// publish writes what others know of the key. The public key comes last: where it is, all is ready.
func publish(name, key string, secret ed25519.PrivateKey) error {
	signer, err := ssh.NewSignerFromKey(secret)
	if err != nil {
		return err
	}
	cosigner, err := torchwood.NewCosignatureSigner(name, secret)
	if err != nil {
		return err
	}
	if err := os.WriteFile(key+".fingerprint", []byte(ssh.FingerprintSHA256(signer.PublicKey())+"\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(key+".pub", []byte(cosigner.Verifier().String()+"\n"), 0o644)
}
