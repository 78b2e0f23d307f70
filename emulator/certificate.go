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

// newCertificate makes an authority, and a certificate of it for loopback and hosts. The authority can vouch for these
// alone, and its key is gone when this returns: whoever trusts it trusts this one certificate.
func newCertificate(hosts []string) (authority *x509.Certificate, certificate tls.Certificate, err error) {
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
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			if ip4 := ip.To4(); ip4 != nil {
				ip = ip4
			}
			alone := &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))}
			template.IPAddresses = append(template.IPAddresses, ip)
			authorityTemplate.PermittedIPRanges = append(authorityTemplate.PermittedIPRanges, alone)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
		authorityTemplate.PermittedDNSDomains = append(authorityTemplate.PermittedDNSDomains, host)
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
