# frozen_string_literal: true

# What a customer buys.
class Order < ActiveRecord::Base
  validates :number, presence: true, uniqueness: true

  scope :open, -> { where(paid_at: nil) }

  def pay!
    update!(paid_at: Time.now)
  end
end
