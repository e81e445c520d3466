package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const aCommit = "0123456789abcdef0123456789abcdef01234567"

// attested writes the provenance of the image that all tests share, and returns it.
func attested(t *testing.T, from origin, key string) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := newShelf(dir, "nearcast", "test", t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.add(image(t)); err != nil {
		t.Fatal(err)
	}
	sign, err := signer(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.attest(t.Context(), from, sign); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "coredns.intoto.json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// parsed reads a statement and its predicate strictly, as verifiers do.
func parsed(t *testing.T, text []byte) (*intoto.Statement, *slsa.Provenance) {
	t.Helper()
	statement, provenance := new(intoto.Statement), new(slsa.Provenance)
	if err := protojson.Unmarshal(text, statement); err != nil {
		t.Fatal(err)
	}
	if err := statement.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := protojson.Marshal(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(predicate, provenance); err != nil {
		t.Fatal(err)
	}
	if err := provenance.Validate(); err != nil {
		t.Error(err)
	}
	return statement, provenance
}

func TestTheProvenanceNamesImageCommitGoAndModules(t *testing.T) {
	statement, provenance := parsed(t, attested(t, origin{revision: aCommit, builder: byHand}, ""))
	if got := statement.Subject[1].Digest["sha256"]; statement.PredicateType != "https://slsa.dev/provenance/v1" || got != digest(t, image(t).image).Hex {
		t.Errorf("%s of %v", statement.PredicateType, statement.Subject)
	}
	if provenance.RunDetails.Builder.Id != byHand {
		t.Errorf("built by %q", provenance.RunDetails.Builder.Id)
	}
	all := provenance.BuildDefinition.ResolvedDependencies
	if all[0].Digest["gitCommit"] != aCommit || !strings.HasSuffix(all[0].Uri, "@"+aCommit) {
		t.Errorf("sources %v", all[0])
	}
	for _, want := range []string{"pkg:golang/std@", "pkg:golang/github.com/miekg/dns@", "pkg:golang/github.com/spf13/cobra@"} {
		i := slices.IndexFunc(all, func(d *intoto.ResourceDescriptor) bool { return strings.HasPrefix(d.Uri, want) })
		if i < 0 || all[i].Digest == nil && !strings.Contains(want, "/std@") {
			t.Errorf("no %s with its checksum", want)
		}
	}
}

// Changed sources are not those of the commit, and an empty revision is not a commit.
func TestNoCommitIsClaimedForOtherSources(t *testing.T) {
	for _, revision := range []string{"", aCommit + "-dirty"} {
		_, provenance := parsed(t, attested(t, origin{revision: revision, builder: byHand}, ""))
		if source := provenance.BuildDefinition.ResolvedDependencies[0]; source.Digest != nil || strings.Contains(source.Uri, "@") {
			t.Errorf("%q: got %v", revision, source)
		}
	}
}

func TestTheSameImageHasTheSameProvenance(t *testing.T) {
	from := origin{revision: aCommit, builder: byHand}
	if a, b := attested(t, from, ""), attested(t, from, ""); !bytes.Equal(a, b) {
		t.Errorf("%s\n%s", a, b)
	}
}

// keyFile writes a private key, as `openssl genpkey` does.
func keyFile(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	fixture.Write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return path
}

// TestOnlyItsKeyVerifiesAnEnvelope uses another key and a changed statement as controls.
func TestOnlyItsKeyVerifiesAnEnvelope(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	from := origin{revision: aCommit, builder: "https://ci.example.org/nearcast"}
	for name, keys := range map[string]struct{ its, others any }{"Ed25519": {ed, ec}, "ECDSA": {ec, ed}} {
		var envelope dsse.Envelope
		if err := json.Unmarshal(attested(t, from, keyFile(t, keys.its)), &envelope); err != nil {
			t.Fatal(err)
		}
		verify := func(key any) error {
			text, err := os.ReadFile(keyFile(t, key))
			if err != nil {
				t.Fatal(err)
			}
			verifier, err := dsse.NewEnvelopeVerifier(must(privateKey(text)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(t.Context(), &envelope)
			return err
		}
		if err := verify(keys.its); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verify(keys.others); err == nil {
			t.Errorf("%s: another key verifies it", name)
		}
		statement := must(envelope.DecodeB64Payload())
		if _, provenance := parsed(t, statement); provenance.RunDetails.Builder.Id != from.builder {
			t.Errorf("%s: built by %q", name, provenance.RunDetails.Builder.Id)
		}
		envelope.Payload = "e30="
		if err := verify(keys.its); err == nil {
			t.Errorf("%s: the key verifies another statement", name)
		}
	}
}

func TestAKeyThatCannotSignIsRefusedWithItsFile(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "public.pem")
	fixture.Write(t, half, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(public))})))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	fixture.Write(t, empty, "")
	for _, path := range []string{half, empty, keyFile(t, must(rsa.GenerateKey(rand.Reader, 2048))), filepath.Join(t.TempDir(), "missing.pem")} {
		if _, err := signer(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
