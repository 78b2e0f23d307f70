// Package e2e tests the client, the emulator and pctoken with clients, servers and judges that nobody here wrote. It is a
// module of its own, so that what it needs stays out of the client's requirements. Run it with make e2e, which installs
// what comes from npm.
package e2e
