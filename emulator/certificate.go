package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// newCertificate makes an authority, and a certificate of it for loopback. The authority can vouch for loopback alone,
// and its key is gone when this returns: whoever trusts it trusts this one certificate.
func newCertificate() (authority *x509.Certificate, certificate tls.Certificate, err error) {
	loopback4 := &net.IPNet{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}
	loopback6 := &net.IPNet{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}
	now := time.Now()
	authorityTemplate := &x509.Certificate{
		SerialNumber:                big.NewInt(1),
		Subject:                     pkix.Name{CommonName: "Authority of an emulator of Partner Center's token endpoint"},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.AddDate(1, 0, 0),
		KeyUsage:                    x509.KeyUsageCertSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges:           []*net.IPNet{loopback4, loopback6},
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "Emulator of Partner Center's token endpoint"},
		NotBefore:    authorityTemplate.NotBefore,
		NotAfter:     authorityTemplate.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, certificate, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, certificate, err
	}
	der, err := x509.CreateCertificate(rand.Reader, authorityTemplate, authorityTemplate, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, certificate, err
	}
	if authority, err = x509.ParseCertificate(der); err != nil {
		return nil, certificate, err
	}
	der, err = x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	return authority, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
