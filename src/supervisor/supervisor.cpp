#include "supervisor/supervisor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/observe.hpp"
#include "netfab/ports.hpp"
#include "supervisor/client.hpp"
#include "supervisor/keeper.hpp"
#include "supervisor/log_reader.hpp"
#include "supervisor/rest.hpp"

namespace supervisor {

using executor::Phase;

namespace {
constexpr int kRenewed = 75;  // anything but 0, which tells the keeper that all is over
}
using planner::ContainerStatus;

Supervisor::Supervisor(base::ProjectPaths paths, KeeperLink keeper, base::Fd lock)
    : paths_(std::move(paths)),
      lock_(std::move(lock)),
      keeper_(std::move(keeper)),
      logs_(loop_),
      work_(loop_),
      relay_(loop_),
      events_(paths_),
      host_{loop_,
            paths_,
            {},
            keeper_,
            logs_,
            work_,
            [this](const std::string& /*container*/) { on_changed(); },
            events_},
      names_(paths_.roots, paths_.project, [this] {
        std::vector<Names::Member> out;
        for (const auto& [name, container] : containers_) {
          out.push_back({&container->spec(), container->running()});
        }
        return out;
      }) {
  dns_ = std::make_unique<Dns>(
      loop_,
      [this](const std::string& container, const std::string& name) {
        return names_.resolve(container, name);
      },
      [this](const std::string& container, const base::IpAddress& address) {
        return names_.reverse(container, address);
      });
  dns_->on_renewed([this](const std::string& container) {
    keeper_.hold(dns_key(container), dns_->sockets(container));
  });
}

Supervisor::~Supervisor() = default;

int Supervisor::run(base::Fd first, KeeperLink::Inventory inventory) {
  CRASH_POINT("adopt/before");
  if (inventory.held.erase(kLockKey) != 0) keeper_.drop(kLockKey);
  adopt_all(std::move(inventory));
  CRASH_POINT("adopt/after");
  control_ = std::make_unique<Control>(
      loop_, paths_,
      [this](Control::ClientId client, const nlohmann::json& request) {
        on_request(client, request);
      },
      [this](Control::ClientId client) {
        // What it waited for behind others' plans is not wanted by anybody any more.
        withdraw(client);
        leave_if_idle();
      });
  keeper_watch_ = loop_.watch(keeper_.fd(), EPOLLIN, [this](std::uint32_t) { on_keeper(); });
  CRASH_POINT("control/listens");
  watch_tables();
  const bool asked = first.valid();  // for a plan, most likely
  if (asked) control_->adopt(std::move(first));
  empty_trash();
  if (!asked) give_back_memory();
  next_request();
  loop_.run();
  return renew_program_.empty() ? 0 : kRenewed;
}

void Supervisor::adopt_all(KeeperLink::Inventory inventory) {
  if (auto recorded = executor::recorded_intent(paths_)) intent_ = std::move(*recorded);
  host_.working_dir = intent_.working_dir;
  std::vector<executor::ExitRecord> exits = executor::read_exits(paths_.exits);
  exits.insert(exits.end(), inventory.exits.begin(), inventory.exits.end());
  planner::ActualState actual = executor::observe(paths_);
  for (planner::ActualContainer& state : actual.containers) {
    planner::Container spec;
    const auto in = nlohmann::json::parse(state.fingerprint, nullptr, false);
    try {
      in.get_to(spec);
    } catch (const nlohmann::json::exception& error) {
      base::log::warn(base::cat(state.name, ": its record cannot be read: ", error.what()));
      continue;
    }
    // observe() has turned what ended while we were dead into Exited; the state file still says
    // Running, and adopt() carries out what follows from the end.
    auto as_written = executor::read_state(paths_, state.name);
    if (base::is_alive(state.process) || state.from_before) as_written = state;
    if (!as_written) continue;
    if (state.from_before || state.recovered) write_records_again(state);
    const std::string name = spec.name;
    // One that cannot be taken over is named; the others are none the worse for it.
    try {
      attach_dns(spec, std::move(inventory.held[dns_key(name)]));
    } catch (const base::Error& error) {
      base::log::warn(base::cat(name, ": its names are not answered: ", error.what()));
    }
    try {
      Container& container = member(spec);
      as_written->from_before = false;
      container.adopt(std::move(*as_written), std::move(inventory.held[name]), exits);
    } catch (const base::Error& error) {
      base::log::warn(base::cat(name, ": cannot be taken over: ", error.what()));
    }
  }
  reservations_.adopt(inventory);
  published_ = netfab::observe_ports(paths_.ports_table);
  publish(published_);
  names_.invalidate();
}

Container& Supervisor::member(const planner::Container& spec) {
  auto& slot = containers_[spec.name];
  if (!slot) slot = std::make_unique<Container>(host_, spec);
  return *slot;
}

void Supervisor::on_keeper() {
  bool gone = false;
  for (const executor::ExitRecord& record : keeper_.receive(gone)) {
    for (const auto& [name, container] : containers_) container->on_exit(record);
  }
  if (!gone) return;
  if (renew_program_.empty()) {
    new_keeper();
  } else {
    loop_.stop();
  }
}

// Our keeper has died. A new one is started that holds what we hold and starts a new supervisor; we
// leave so that it becomes that supervisor's keeper too. The lock goes with us.
void Supervisor::new_keeper() {
  base::log::warn("the keeper has died: starting another");
  loop_.remove(keeper_watch_);
  // The next supervisor takes their names, and nobody takes us for one that serves.
  control_.reset();
  relay_.set({});
  std::vector<std::pair<std::string, std::vector<int>>> held{{kLockKey, {lock_.get()}}};
  for (const auto& [name, container] : containers_) {
    if (auto fds = container->held(); !fds.empty()) held.emplace_back(name, std::move(fds));
    if (auto fds = dns_->sockets(name); !fds.empty())
      held.emplace_back(dns_key(name), std::move(fds));
  }
  for (auto& each : reservations_.held()) held.push_back(std::move(each));
  CRASH_POINT("new-keeper/before");
  start_keeper({paths_, {}, std::move(held)});
  CRASH_POINT("new-keeper/after");
  loop_.stop();
}

const planner::ActualContainer* Supervisor::find(const std::string& container) {
  const auto at = containers_.find(container);
  return at == containers_.end() ? nullptr : &at->second->state();
}

bool Supervisor::has_healthcheck(const std::string& container) {
  const auto at = containers_.find(container);
  if (at == containers_.end()) return false;
  const auto& check = at->second->spec().healthcheck;
  return check && !check->disabled;
}

void Supervisor::on_changed() {
  names_.invalidate();
  loop_.soon([this] { next_request(); });
  keep_soon();
  if (runner_) {
    loop_.soon([this] {
      if (runner_) runner_->poke();
    });
  }
  leave_if_idle();
}

// ---- requests ----

void Supervisor::on_request(Control::ClientId client, const nlohmann::json& request) {
  const std::string op = request.value("op", "");
  if (op == "apply") {
    Request wanted;
    wanted.client = client;
    try {
      request.at("plan").get_to(wanted.plan);
      base::read_field(request, "stop_timeout", wanted.stop_timeout);
      if (const int number = request.value("stdin_pipe", -1); number >= 0) {
        wanted.stdin_pipe = control_->pipe_of(client, number);
      }
    } catch (const nlohmann::json::exception& error) {
      control_->send(client, {{"end", true}, {"ok", false}, {"error", error.what()}});
      return;
    }
    CRASH_POINT("control/received");
    requests_.push_back(std::move(wanted));
    // Later in this round: of a client that has gone by now it is withdrawn first.
    loop_.soon([this] { next_request(); });
  } else if (op == "cancel") {
    if (current_ && current_->client == client) {
      if (runner_) runner_->cancel();
    } else if (withdraw(client)) {
      control_->send(client, {{"end", true}, {"ok", false}, {"error", "cancelled"}});
    }
  } else if (op == "renew") {
    renew_client_ = client;
    renew_program_ = request.value("program", "");
    renew_when_idle();
  } else if (op == "stdin") {
    const auto at = containers_.find(request.value("container", ""));
    control_->send_fd(client, at == containers_.end() ? -1 : at->second->stdin_fd());
  }
}

// Takes back what a client asked for and nobody has begun; false: there was nothing.
bool Supervisor::withdraw(Control::ClientId client) {
  return std::erase_if(requests_,
                       [client](const Request& request) { return request.client == client; }) != 0;
}

// Between two plans. The keeper becomes the new program; we hear our link end, and it starts one of
// the new program in our place.
void Supervisor::renew_when_idle() {
  if (renew_program_.empty() || current_ || std::exchange(renewing_, true)) return;
  base::log::info(base::cat("taken over by ", renew_program_));
  keeper_.renew(renew_program_);
  loop_.after(std::chrono::seconds(5), [this] {
    renewing_ = false;
    base::log::warn(base::cat(std::exchange(renew_program_, {}), " cannot be run"));
    control_->send(renew_client_, {{"renewed", false}});
    next_request();
  });
}

// Nobody is left to remove what `run --rm` made and has ended: a plan of our own does.
std::optional<Supervisor::Request> Supervisor::removal_of_runs() {
  planner::DownOptions options;
  for (const auto& [name, container] : containers_) {
    const bool over = !container->active() && !container->owned();
    if (container->spec().auto_remove && over && !given_up_.contains(name)) {
      options.containers.push_back(name);
    }
  }
  if (options.containers.empty()) return {};
  Request out;
  out.plan = planner::plan_down(intent_, executor::observe(paths_), options);
  return out;
}

void Supervisor::next_request() {
  if (!renew_program_.empty()) {
    renew_when_idle();
    return;
  }
  if (current_) return;
  if (requests_.empty()) {
    if (auto removal = removal_of_runs()) requests_.push_back(std::move(*removal));
  }
  if (requests_.empty()) {
    leave_if_idle();
    return;
  }
  current_ = std::move(requests_.front());
  requests_.pop_front();
  begin_plan();
}

void Supervisor::begin_plan() {
  const planner::Plan& plan = current_->plan;
  if (!plan.empty() && planner::basis_of(executor::observe(paths_), plan) != plan.basis) {
    answer(false, true, "the state has changed since the plan was made");
    return;
  }
  host_.working_dir = plan.desired.working_dir;
  CRASH_POINT("plan/before-reserve");
  try {
    if (makes_something(plan)) {
      reserve(plan);
      CRASH_POINT("plan/reserved");
      forgotten_ = false;
      write_intent(plan);
    }
  } catch (const Taken& error) {
    answer(false, true, error.what());
    return;
  } catch (const base::Error& error) {
    answer(false, false, error.what(), error.hint());
    return;
  }
  runner_ = std::make_unique<executor::Runner>(
      plan, *this, [this](const executor::StepEvent& event) { send_event(event); },
      [this](bool ok) { loop_.soon([this, ok] { plan_ended(ok); }); });
  CRASH_POINT("plan/before-steps");
  runner_->start();
}

void Supervisor::send_event(const executor::StepEvent& event) {
  if (event.phase != Phase::Began) CRASH_POINT("step/", event.step, "/ended");
  if (event.phase == Phase::Failed) base::log::error(base::cat(event.target, ": ", event.text));
  executor::StepEvent out = event;
  if (out.kind == planner::Kind::Container && out.phase == Phase::Failed && out.hint.empty()) {
    out.hint = last_words(out.target);
  }
  if (control_ && current_) control_->send(current_->client, out);
}

std::string Supervisor::last_words(const std::string& container) {
  const std::string lines = LogReader::last_lines(paths_.log_dir(container), 10);
  return lines.empty() ? lines : base::cat("last lines of the log of ", container, ":\n", lines);
}

void Supervisor::plan_ended(bool ok) {
  CRASH_POINT("plan/ended");
  runner_.reset();
  if (!ok && current_->client == 0) {
    for (const planner::Container& each : current_->plan.removed) given_up_.insert(each.name);
  }
  mend_tables_later();
  std::erase_if(containers_, [this](const auto& entry) {
    return !base::exists(paths_.record(entry.first)) && !entry.second->active();
  });
  names_.invalidate();
  bool written = false;
  try {
    keep_now();
    // One that was cancelled or failed half-way has left something: `down` must still find it.
    if (ok && current_->plan.forget && containers_.empty()) {
      forget_intent();
    } else if (!current_->plan.empty()) {
      write_intent(current_->plan);
      written = true;
    }
  } catch (const base::Error& error) {
    answer(false, false, error.what());
    return;
  }
  answer(ok, false, {});
  if (written) make_intent_durable();  // the command need not wait for our fork
}

void Supervisor::answer(bool ok, bool stale, const std::string& error, const std::string& hint) {
  CRASH_POINT("answer/before");
  control_->send(current_->client,
                 {{"end", true}, {"ok", ok}, {"stale", stale}, {"error", error}, {"hint", hint}});
  CRASH_POINT("answer/after");
  current_.reset();
  empty_trash();
  give_back_memory();  // a plan is large and rare: at rest we keep what the containers need
  loop_.soon([this] { next_request(); });
}

void Supervisor::leave_if_idle() {
  if (idle_timer_ != 0) return;
  idle_timer_ = loop_.soon([this] {
    idle_timer_ = 0;
    if (!renew_program_.empty() || !control_ || !control_->idle() || current_ ||
        !requests_.empty() || !work_.idle())
      return;
    for (const auto& [name, container] : containers_) {
      if (container->active() || container->owned()) return;
    }
    // Whoever asks from now on is not served by us: better refused than cut off.
    control_.reset();
    // Also one that found nothing to do: it may have waited for the lock of one that took all down.
    keep_now();
    if (forgotten_ || (containers_.empty() && !base::exists(paths_.desired))) forget_everything();
    keeper_.quit();
    CRASH_POINT("leaves");
    loop_.stop();
  });
}

// ---- entry ----

namespace {

// One supervisor a stack: the lock lies under the data root, which nobody removes in passing.
// Another one that is about to leave is waited for; one that serves is left alone.
std::optional<base::Fd> take_lock(const base::ProjectPaths& paths,
                                  KeeperLink::Inventory& inventory) {
  if (const auto handed = inventory.held.find(kLockKey);
      handed != inventory.held.end() && !handed->second.empty()) {
    struct stat held {};
    struct stat named {};
    if (::fstat(handed->second[0].get(), &held) == 0 && ::stat(paths.lock.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      return std::move(handed->second[0]);
    }
    handed->second.clear();  // of a folder that somebody has removed
  }
  for (int i = 0; i < 5000; ++i) {
    if (auto lock = try_lock(paths)) return lock;
    if (i > 0 && i % 50 == 0 && Client::connect(paths)) return {};
    ::usleep(1000);
  }
  return {};
}

}  // namespace

namespace {

// Who holds it, for whoever looks (executor::look_at_supervisor). A full disk leaves it empty.
void sign_lock(const base::Fd& lock) {
  const auto own = base::identify(::getpid());
  const auto keeper = base::identify(::getppid());
  if (!own || !keeper) return;
  const std::string text = base::cat(base::boot_id(), " ", own->pid, " ", own->start_time, " ",
                                     keeper->pid, " ", keeper->start_time, "\n");
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    base::log::debug("the lock cannot be signed");
  }
}

}  // namespace

int supervisor_main(int argc, char** argv) {
  const base::ProjectPaths paths = parse_program_arguments(argc, argv);
  try {
    ::prctl(PR_SET_NAME, "stack-superv");
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    base::sys::raise_open_files();  // the keeper's, unless it could not raise them
    base::Fd keeper(kKeeperSocketFd);
    ::fcntl(keeper.get(), F_SETFD, FD_CLOEXEC);
    base::Fd client(::fcntl(kFirstClientFd, F_GETFD) >= 0 ? kFirstClientFd : -1);
    if (client) ::fcntl(client.get(), F_SETFD, FD_CLOEXEC);
    CRASH_POINT("started");
    KeeperLink link(std::move(keeper));
    KeeperLink::Inventory inventory = link.list();
    auto lock = take_lock(paths, inventory);
    CRASH_POINT("locked");
    if (!lock) return 0;
    sign_lock(*lock);
    base::sys::make_dirs(paths.run, 0700);
    base::log::open(supervisor_log(paths));
    return Supervisor(paths, std::move(link), std::move(*lock))
        .run(std::move(client), std::move(inventory));
  } catch (const std::exception& error) {
    base::log::error(base::cat("supervisor of ", paths.project, ": ", error.what()));
    return 1;
  }
}

}  // namespace supervisor
