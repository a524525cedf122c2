#include "cli/image_view.hpp"

#include <algorithm>
#include <chrono>

#include "base/sys.hpp"

namespace cli {

namespace {

constexpr std::size_t kImageBar = 30;
constexpr auto kRedrawImages = std::chrono::milliseconds(50);

// "sha256:0123456789ab..." → "0123456789ab", as docker shows layers.
std::string brief(const std::string& id) {
  const std::size_t colon = id.find(':');
  return id.substr(colon == std::string::npos ? 0 : colon + 1, 12);
}

bool has_amount(const std::string& phase) {
  return phase == "downloading" || phase == "loading" || phase == "extracting" ||
         phase == "pushing";
}

}  // namespace

std::string phase_text(const std::string& phase) {
  if (phase == "waiting") return "Waiting";
  if (phase == "downloading") return "Downloading";
  if (phase == "loading") return "Loading layer";
  if (phase == "downloaded") return "Download complete";
  if (phase == "extracting") return "Extracting";
  if (phase == "exists") return "Already exists";
  if (phase == "done") return "Pull complete";
  if (phase == "pushing") return "Pushing";
  if (phase == "pushed") return "Pushed";
  if (phase == "retrying") return "Retrying";
  return phase;
}

ImageView::ImageView(Options options) : options_(options) {
  if (options_.mode == ProgressMode::Auto) {
    const bool live = is_terminal(options_.fd) && options_.ansi != Ansi::Never;
    options_.mode = live ? ProgressMode::Tty : ProgressMode::Plain;
  }
}

void ImageView::take(const ImageEvent& event, const std::string& line) {
  using Kind = ImageEvent::Kind;
  if (options_.mode == ProgressMode::Quiet) return;
  if (options_.mode == ProgressMode::Json) {
    if (event.kind != Kind::Error) write_text(options_.fd, line + "\n");
    return;
  }
  std::string text;
  if (event.kind == Kind::Layer) {
    const auto [at, fresh] = index_.try_emplace(event.id, rows_.size());
    if (fresh) rows_.push_back({event.id, "", 0, 0});
    Row& row = rows_[at->second];
    const bool changed = row.phase != event.phase;
    row = {event.id, event.phase, event.current, event.total};
    if (options_.mode == ProgressMode::Plain && changed) {
      text = base::cat(brief(event.id), " ", phase_text(event.phase));
    }
  } else if (event.kind == Kind::Status) {
    text = base::cat("Image ", event.image, " ", event.text);
  } else if (event.kind == Kind::Image) {
    text = base::cat("Image ", event.image.empty() ? brief(event.id) : event.image, " ",
                     brief(event.id));
  } else if (event.kind == Kind::Problem) {
    text = event.text;
  }
  if (options_.mode == ProgressMode::Plain) {
    if (!text.empty()) write_text(options_.fd, text + "\n");
    return;
  }
  if (event.kind != Kind::Layer && !text.empty()) rows_.push_back({"", text, 0, 0});
  if (base::sys::monotonic_now() - drawn_at_ >= kRedrawImages) draw(false);
}

std::vector<std::string> ImageView::rows(std::size_t columns) const {
  std::vector<std::string> out;
  for (const Row& row : rows_) {
    if (row.id.empty()) {
      out.push_back(fit(row.phase, columns));
      continue;
    }
    std::string text = base::cat(brief(row.id), ": ", phase_text(row.phase));
    if (has_amount(row.phase) && row.total > 0) {
      const auto filled =
          static_cast<std::size_t>(std::min(row.current, row.total) * kImageBar / row.total);
      std::string bar(filled, '=');
      if (filled < kImageBar) bar += '>';
      bar.resize(kImageBar, ' ');
      text += base::cat(" [", bar, "] ", base::human_size(row.current), "/",
                        base::human_size(row.total));
    }
    out.push_back(fit(text, columns));
  }
  return out;
}

void ImageView::draw(bool last) {
  const WindowSize window = window_size(options_.fd);
  std::vector<std::string> lines = rows(window.columns);
  const std::size_t room = std::max<std::size_t>(window.rows, 4) - 2;
  // The latest rows: earlier ones have mostly ended.
  if (!last && lines.size() > room)
    lines.erase(lines.begin(), lines.end() - static_cast<long>(room));
  std::string out;
  if (drawn_ > 0) out += base::cat("\x1b[", drawn_, "A");
  for (const std::string& line : lines) out += line + "\x1b[K\n";
  out += "\x1b[J";
  drawn_ = lines.size();
  drawn_at_ = base::sys::monotonic_now();
  write_text(options_.fd, out);
}

void ImageView::finish() {
  if (options_.mode == ProgressMode::Tty && !rows_.empty()) draw(true);
}

}  // namespace cli
