package controlplane

import (
	"context"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/nearcast/nearcast/manifests"
)

// kubeconfig writes a kubeconfig for the server with the user's credentials.
func (a *authority) kubeconfig(path, server string, user *clientcmdapi.AuthInfo) error {
	c := clientcmdapi.NewConfig()
	c.Clusters["it"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: a.crt("ca")}
	c.AuthInfos["me"] = user
	c.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "me"}
	c.CurrentContext = "it"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*c, path)
}

// admin is the user with all permissions.
func (a *authority) admin() *clientcmdapi.AuthInfo {
	return &clientcmdapi.AuthInfo{ClientCertificate: a.crt("admin"), ClientKey: a.keyOf("admin")}
}

// User issues a client certificate for a user in a group, and returns a kubeconfig with it for the Karmada API.
func (p *Plane) User(name, group string) (kubeconfig string, err error) {
	if err := p.ca.client(name, name, group); err != nil {
		return "", err
	}
	path := p.path(name + ".kubeconfig")
	return path, p.ca.kubeconfig(path, p.Server(), &clientcmdapi.AuthInfo{ClientCertificate: p.ca.crt(name), ClientKey: p.ca.keyOf(name)})
}

// ServiceAccount writes a kubeconfig with a token of the account to the path, and the token into a separate file
// beside it, where it can be replaced.
func (p *Plane) ServiceAccount(ctx context.Context, path, namespace, account string) error {
	token, err := p.Kubectl(ctx, "", "", "create", "token", account, "-n", namespace, "--duration=8h")
	if err != nil {
		return err
	}
	return p.Token(path, token)
}

// Token writes a kubeconfig with the token, which is in a separate file beside it.
func (p *Plane) Token(path, token string) error {
	if err := os.WriteFile(path+".token", []byte(token), 0o600); err != nil {
		return err
	}
	return p.ca.kubeconfig(path, p.Server(), &clientcmdapi.AuthInfo{TokenFile: path + ".token"})
}

// Apply applies directories of manifests/karmada to the Karmada API.
func (p *Plane) Apply(ctx context.Context, folders ...string) error {
	root := p.path("manifests")
	if _, err := os.Stat(root); err != nil {
		if err := os.CopyFS(root, manifests.Files); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		if _, err := p.Kubectl(ctx, "", "", "apply", "--server-side", "-k", filepath.Join(root, "karmada", folder)); err != nil {
			return err
		}
	}
	return nil
}

// Access gives a server the permissions in manifests/karmada/access, and writes a kubeconfig with only these.
func (p *Plane) Access(ctx context.Context, path string) error {
	if err := p.Apply(ctx, "access"); err != nil {
		return err
	}
	return p.ServiceAccount(ctx, path, "nearcast-system", "nearcast")
}
