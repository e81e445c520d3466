package controlplane

import (
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig writes a kubeconfig for the server with what proves the user.
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

// admin is the user who may do everything.
func (a *authority) admin() *clientcmdapi.AuthInfo {
	return &clientcmdapi.AuthInfo{ClientCertificate: a.crt("admin"), ClientKey: a.keyOf("admin")}
}

// User issues a client certificate of a user in a group, and returns a kubeconfig
// with it for the Karmada API.
func (p *Plane) User(name, group string) (kubeconfig string, err error) {
	if err := p.ca.client(name, name, group); err != nil {
		return "", err
	}
	path := p.path(name + ".kubeconfig")
	return path, p.ca.kubeconfig(path, p.Server(), &clientcmdapi.AuthInfo{ClientCertificate: p.ca.crt(name), ClientKey: p.ca.keyOf(name)})
}
