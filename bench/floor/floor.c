// The least that one microVM network costs: the calls that ptp, host-local and tc-redirect-tap come
// down to, made bare. No plugin, no file but the namespace's name, no check of what is there already.
//
// Reads jobs from stdin, one a line: VERB NETWORK BASE COUNT CALLERS; answers each with one line of JSON.
//   set_up     COUNT networks, numbered from BASE, by CALLERS threads
//   tear_down  take them down by unlinking their namespaces; the kernel removes the devices behind it
//   delete     take them down by deleting the host's device first, which waits for the kernel
//   churn      set up and unlink each, one after the other
//   churn_delete  the same with `delete`
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/veth.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUBNET 0x0AC90000u /* 10.201.0.0/16 */
#define PREFIX 16
#define VM_LINK 2 /* the first link of a fresh namespace after lo, and the tap after it */
#define TAP_LINK 3

static const char *netns_dir = "/run/netns-floor";

// ---- messages ---------------------------------------------------------------------------------

struct batch {
  char bytes[4096];
  size_t used;
  struct nlmsghdr *last;
  int count;
};

static void *grow(struct batch *b, size_t size) {
  void *place = b->bytes + b->used;
  size_t whole = NLMSG_ALIGN(size);
  if (b->used + whole > sizeof b->bytes) abort();
  memset(place, 0, whole);
  b->used += whole;
  if (b->last != NULL) b->last->nlmsg_len = (uint32_t)(b->bytes + b->used - (char *)b->last);
  return place;
}

static void message(struct batch *b, int type, int flags, const void *head, size_t size) {
  b->last = NULL;
  struct nlmsghdr *m = grow(b, NLMSG_HDRLEN);
  b->last = m;
  m->nlmsg_type = (uint16_t)type;
  m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
  m->nlmsg_seq = (uint32_t)++b->count;
  memcpy(grow(b, size), head, size);
}

static struct rtattr *attribute(struct batch *b, int type, const void *value, size_t size) {
  struct rtattr *a = grow(b, RTA_LENGTH(size));
  a->rta_type = (unsigned short)type;
  a->rta_len = (unsigned short)RTA_LENGTH(size);
  if (size) memcpy(RTA_DATA(a), value, size);
  return a;
}

static void text(struct batch *b, int type, const char *value) { attribute(b, type, value, strlen(value) + 1); }
static void number(struct batch *b, int type, uint32_t value) { attribute(b, type, &value, sizeof value); }
static struct rtattr *open_nest(struct batch *b, int type) { return attribute(b, type, NULL, 0); }
static void close_nest(struct batch *b, struct rtattr *nest) {
  nest->rta_len = (unsigned short)(b->bytes + b->used - (char *)nest);
}

static void add_veth(struct batch *b, const char *host_name, int host_netns) {
  struct ifinfomsg up = {.ifi_index = VM_LINK, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer = {0};
  message(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
  text(b, IFLA_IFNAME, "veth0");
  struct rtattr *info = open_nest(b, IFLA_LINKINFO);
  attribute(b, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = open_nest(b, IFLA_INFO_DATA);
  struct rtattr *other = attribute(b, VETH_INFO_PEER, &peer, sizeof peer);
  text(b, IFLA_IFNAME, host_name);
  number(b, IFLA_NET_NS_FD, (uint32_t)host_netns);
  close_nest(b, other);
  close_nest(b, data);
  close_nest(b, info);
}

static void set_up_link(struct batch *b, int index, uint32_t mtu) {
  struct ifinfomsg up = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  message(b, RTM_NEWLINK, 0, &up, sizeof up);
  if (mtu) number(b, IFLA_MTU, mtu);
}

static void delete_link(struct batch *b, const char *name) {
  struct ifinfomsg any = {0};
  message(b, RTM_DELLINK, 0, &any, sizeof any);
  text(b, IFLA_IFNAME, name);
}

static void add_address(struct batch *b, int index, uint32_t address, int prefix, uint32_t broadcast) {
  struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (uint32_t)index};
  message(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof a);
  number(b, IFA_LOCAL, address);
  number(b, IFA_ADDRESS, address);
  if (broadcast) number(b, IFA_BROADCAST, broadcast);
}

static void add_route(struct batch *b, int index, uint32_t to, int prefix, int scope, uint32_t via, uint32_t from) {
  struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = (uint8_t)prefix, .rtm_table = RT_TABLE_MAIN,
                    .rtm_protocol = RTPROT_BOOT, .rtm_scope = (uint8_t)scope, .rtm_type = RTN_UNICAST};
  message(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &r, sizeof r);
  number(b, RTA_DST, to);
  if (via) number(b, RTA_GATEWAY, via);
  if (from) number(b, RTA_PREFSRC, from);
  number(b, RTA_OIF, (uint32_t)index);
}

static void delete_route(struct batch *b, int index, uint32_t to, int prefix) {
  struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = (uint8_t)prefix, .rtm_table = RT_TABLE_MAIN,
                    .rtm_scope = RT_SCOPE_NOWHERE};
  message(b, RTM_DELROUTE, 0, &r, sizeof r);
  number(b, RTA_DST, to);
  number(b, RTA_OIF, (uint32_t)index);
}

static void add_ingress(struct batch *b, int index) {
  struct tcmsg q = {.tcm_ifindex = index, .tcm_parent = TC_H_INGRESS, .tcm_handle = 0xffff0000};
  message(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &q, sizeof q);
  text(b, TCA_KIND, "ingress");
}

static void add_redirect(struct batch *b, int from, int to) {
  struct tcmsg f = {.tcm_ifindex = from, .tcm_parent = 0xffff0000, .tcm_info = htons(ETH_P_ALL)};
  struct { struct tc_u32_sel head; struct tc_u32_key key; } match = {.head = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
  struct tc_mirred redirect = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to};
  message(b, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &f, sizeof f);
  text(b, TCA_KIND, "u32");
  struct rtattr *options = open_nest(b, TCA_OPTIONS);
  attribute(b, TCA_U32_SEL, &match, sizeof match);
  struct rtattr *actions = open_nest(b, TCA_U32_ACT), *first = open_nest(b, 1);
  text(b, TCA_ACT_KIND, "mirred");
  struct rtattr *inner = open_nest(b, TCA_ACT_OPTIONS);
  attribute(b, TCA_MIRRED_PARMS, &redirect, sizeof redirect);
  close_nest(b, inner);
  close_nest(b, first);
  close_nest(b, actions);
  close_nest(b, options);
}

// ---- a thread -----------------------------------------------------------------------------------

struct worker {
  int netlink, ioctls, home;
};

static char last_error[200];
static atomic_int errors;

static int failed(const char *format, ...) {
  char why[120];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, sizeof why, format, arguments);
  va_end(arguments);
  snprintf(last_error, sizeof last_error, "%s: %s", why, strerror(errno));
  atomic_fetch_add(&errors, 1);
  return -1;
}

static int netlink_socket(void) {
  int one = 1, s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (s < 0 || bind(s, (void *)&any, sizeof any)) return -1;
  setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  return s;
}

// One send. The kernel works through it before the call returns and tells of every refusal; the last
// message alone asks for an answer when all went well.
static int send_batch(int s, struct batch *b, const char *what) {
  char answers[8192];
  b->last->nlmsg_flags |= NLM_F_ACK;
  uint32_t wanted = b->last->nlmsg_seq;
  int refused = 0;
  if (send(s, b->bytes, b->used, 0) < 0) return failed("%s", what);
  for (int over = 0; !over;) {
    ssize_t n = recv(s, answers, sizeof answers, 0);
    if (n < 0) return failed("%s", what);
    unsigned left = (unsigned)n;
    for (struct nlmsghdr *m = (void *)answers; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      struct nlmsgerr *e = NLMSG_DATA(m);
      if (m->nlmsg_type != NLMSG_ERROR) continue;
      if (e->error && !refused) {
        errno = -e->error;
        refused = failed("%s, message %u", what, m->nlmsg_seq);
      }
      over |= m->nlmsg_seq == wanted;
    }
  }
  *b = (struct batch){0};
  return refused;
}

static void names(int number_, char *path, char *host_name) {
  sprintf(path, "%s/%08x", netns_dir, (unsigned)number_);
  sprintf(host_name, "fl%08x", (unsigned)number_);
}

static int make_tap(void) {
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  struct ifreq r = {0};
  r.ifr_flags = IFF_TAP | IFF_ONE_QUEUE | IFF_VNET_HDR;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &r) || ioctl(tun, TUNSETOWNER, 0) || ioctl(tun, TUNSETGROUP, 0) ||
      ioctl(tun, TUNSETPERSIST, 1)) {
    failed("tap");
    if (tun >= 0) close(tun);
    return -1;
  }
  return tun;
}

static int inside(struct worker *w, int number_, const char *host_name) {
  struct batch b = {0};
  uint32_t vm = htonl(SUBNET + 2 + (uint32_t)number_), gateway = htonl(SUBNET + 1), subnet = htonl(SUBNET);
  int s = netlink_socket(), tun = -1, result = -1;
  if (s < 0) return failed("socket in the namespace");
  add_veth(&b, host_name, w->home);
  if (send_batch(s, &b, "veth")) goto out;
  add_address(&b, VM_LINK, vm, PREFIX, htonl(SUBNET | 0xffff));
  delete_route(&b, VM_LINK, subnet, PREFIX);
  add_route(&b, VM_LINK, gateway, 32, RT_SCOPE_LINK, 0, vm);
  add_route(&b, VM_LINK, subnet, PREFIX, RT_SCOPE_UNIVERSE, gateway, vm);

  struct batch host = {0};
  struct ifreq r = {0};
  strcpy(r.ifr_name, host_name);
  if (ioctl(w->ioctls, SIOCGIFINDEX, &r)) { failed("index of %s", host_name); goto out; }
  set_up_link(&host, r.ifr_ifindex, 0);
  add_address(&host, r.ifr_ifindex, gateway, 32, 0);
  add_route(&host, r.ifr_ifindex, vm, 32, RT_SCOPE_HOST, 0, 0);
  if (send_batch(w->netlink, &host, "host end")) goto out;

  if ((tun = make_tap()) < 0) goto out;
  set_up_link(&b, TAP_LINK, 1500);
  add_ingress(&b, TAP_LINK);
  add_ingress(&b, VM_LINK);
  add_redirect(&b, TAP_LINK, VM_LINK);
  add_redirect(&b, VM_LINK, TAP_LINK);
  result = send_batch(s, &b, "addresses, routes and redirects");
out:
  if (tun >= 0) close(tun);
  close(s);
  return result;
}

static int set_up(struct worker *w, int number_) {
  char path[120], host_name[IFNAMSIZ], key[120];
  names(number_, path, host_name);
  int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (fd < 0) return failed("%s", path);
  close(fd);
  if (unshare(CLONE_NEWNET)) return failed("unshare");
  int result = mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) ? failed("mount") : 0;
  if (!result) result = inside(w, number_, host_name);
  if (setns(w->home, CLONE_NEWNET)) abort();
  if (result) return result;
  sprintf(key, "/proc/sys/net/ipv6/conf/%s/accept_ra", host_name);
  if ((fd = open(key, O_WRONLY | O_CLOEXEC)) >= 0) {  // a kernel without IPv6 has no such setting
    if (write(fd, "0", 1) < 0) failed("%s", key);
    close(fd);
  }
  return 0;
}

static int tear_down(struct worker *w, int number_, int delete_first) {
  char path[120], host_name[IFNAMSIZ];
  int result = 0;
  names(number_, path, host_name);
  if (delete_first) {
    struct batch b = {0};
    delete_link(&b, host_name);
    result = send_batch(w->netlink, &b, "delete the host end");
  }
  if (umount2(path, MNT_DETACH) || unlink(path)) return failed("unlink %s", path);
  return result;
}

// ---- jobs ---------------------------------------------------------------------------------------

enum { SET_UP = 1, TEAR_DOWN = 2, DELETE = 4 };

static struct {
  int acts, base, count;
  atomic_int next;
  double *up, *down;
} job;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

static void *work(void *unused) {
  (void)unused;
  struct worker w = {.netlink = netlink_socket(), .ioctls = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                     .home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
  if (w.netlink < 0 || w.ioctls < 0 || w.home < 0) abort();
  for (int i; (i = atomic_fetch_add(&job.next, 1)) < job.count;) {
    double start = now();
    if (job.acts & SET_UP) {
      set_up(&w, job.base + i);
      job.up[i] = now() - start;
      start = now();
    }
    if (job.acts & TEAR_DOWN) {
      tear_down(&w, job.base + i, job.acts & DELETE);
      job.down[i] = now() - start;
    }
  }
  close(w.netlink);
  close(w.ioctls);
  close(w.home);
  return NULL;
}

static void list(const char *key, const double *values, int count) {
  printf("\"%s\":[", key);
  for (int i = 0; i < count; i++) printf("%s%.4f", i ? "," : "", values[i]);
  printf("],");
}

static void run(int acts, int base, int count, int callers) {
  pthread_t *threads = calloc((size_t)callers, sizeof *threads);
  job.acts = acts, job.base = base, job.count = count;
  atomic_store(&job.next, 0);
  job.up = calloc((size_t)count, sizeof(double));
  job.down = calloc((size_t)count, sizeof(double));
  atomic_store(&errors, 0);
  last_error[0] = 0;
  double used = cpu(), start = now();
  for (int i = 0; i < callers; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) abort();
  for (int i = 0; i < callers; i++) pthread_join(threads[i], NULL);
  printf("{");
  list("up_ms", job.up, acts & SET_UP ? count : 0);
  list("down_ms", job.down, acts & TEAR_DOWN ? count : 0);
  printf("\"wall_ms\":%.3f,\"cpu_ms\":%.3f,\"errors\":%d,\"last_error\":\"%s\"}\n", now() - start, cpu() - used,
         atomic_load(&errors), last_error);
  fflush(stdout);
  free(threads);
  free(job.up);
  free(job.down);
}

int main(int count_of_arguments, char **arguments) {
  char line[200], verb[20], network[64];
  int base, count, callers;
  if (count_of_arguments > 1) netns_dir = arguments[1];
  mkdir(netns_dir, 0755);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "%19s %63s %d %d %d", verb, network, &base, &count, &callers) != 5) return 2;
    int acts = !strcmp(verb, "set_up")       ? SET_UP
               : !strcmp(verb, "tear_down")  ? TEAR_DOWN
               : !strcmp(verb, "delete")     ? TEAR_DOWN | DELETE
               : !strcmp(verb, "churn")      ? SET_UP | TEAR_DOWN
               : !strcmp(verb, "churn_delete") ? SET_UP | TEAR_DOWN | DELETE
                                             : 0;
    if (!acts) return 2;
    run(acts, base, count, callers);
  }
  return 0;
}
