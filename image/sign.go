package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
)

// sign returns a statement in the form in which it is written.
type sign func(ctx context.Context, statement []byte) ([]byte, error)

// signer puts statements into signed envelopes (DSSE) or, without a key, leaves them as they are.
func signer(keyFile string) (sign, error) {
	if keyFile == "" {
		return func(_ context.Context, statement []byte) ([]byte, error) { return statement, nil }, nil
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := privateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: want a private key, PKCS #8 in PEM, Ed25519 or ECDSA: %w", keyFile, err)
	}
	envelopes, err := dsse.NewEnvelopeSigner(key)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, statement []byte) ([]byte, error) {
		envelope, err := envelopes.SignPayload(ctx, "application/vnd.in-toto+json", statement)
		if err != nil {
			return nil, err
		}
		return json.Marshal(envelope)
	}, nil
}

func privateKey(text []byte) (dsse.SignerVerifier, error) {
	key, err := signerverifier.LoadKey(text)
	if err != nil {
		return nil, err
	}
	switch {
	case key.KeyVal.Private == "":
		return nil, errors.New("this is a public key")
	case key.KeyType == signerverifier.ED25519KeyType:
		return signerverifier.NewED25519SignerVerifierFromSSLibKey(key)
	case key.KeyType == signerverifier.ECDSAKeyType:
		return signerverifier.NewECDSASignerVerifierFromSSLibKey(key)
	}
	return nil, fmt.Errorf("this key is of the type %s", key.KeyType)
}
