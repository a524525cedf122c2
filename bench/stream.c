/* A stream of bytes and how fast it went, static so that it runs in any root file system.
 *   stream serve PORT                     swallows what each connection sends and answers with one byte at its end
 *   stream send ADDRESS PORT MEGABYTES    prints megabytes a second, the answer included */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[256 * 1024];

static int serve(const char* port) {
  signal(SIGCHLD, SIG_IGN);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (bind(listener, (struct sockaddr*)&at, sizeof at) != 0 || listen(listener, 16) != 0) return 1;
  for (;;) {
    const int peer = accept(listener, NULL, NULL);
    if (peer < 0) return 1;
    while (read(peer, buffer, sizeof buffer) > 0) {
    }
    if (write(peer, "k", 1) != 1) return 1;
    close(peer);
  }
}

static int send_all(const char* address, const char* port, long megabytes) {
  const int peer = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) return 1;
  if (connect(peer, (struct sockaddr*)&to, sizeof to) != 0) {
    perror(address);
    return 1;
  }
  struct timespec began, ended;
  clock_gettime(CLOCK_MONOTONIC, &began);
  for (long left = megabytes << 20; left > 0;) {
    const ssize_t n = write(peer, buffer, left < (long)sizeof buffer ? (size_t)left : sizeof buffer);
    if (n <= 0) return 1;
    left -= n;
  }
  shutdown(peer, SHUT_WR);
  if (read(peer, buffer, 1) != 1) return 1;
  clock_gettime(CLOCK_MONOTONIC, &ended);
  const double took = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
  printf("%.1f\n", (double)megabytes / took);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(argv[2]);
  if (argc == 5 && strcmp(argv[1], "send") == 0) return send_all(argv[2], argv[3], atol(argv[4]));
  fprintf(stderr, "usage: stream serve PORT | stream send ADDRESS PORT MEGABYTES\n");
  return 2;
}
